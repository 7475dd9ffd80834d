import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, faultFromView, toFault, type FaultView } from '../core/fault.ts';
import type { FeedEntry, RunFeed } from '../core/feed.ts';
import { settled, type RunResult, type RunState } from '../core/runs.ts';
import { api, open } from './api.ts';
import { clean, duration, paint, type Common } from './output.ts';
import { readSse } from './sse.ts';

export interface RunView {
  id: string;
  kind: string;
  state: RunState;
  serverId: string;
  clusterId: string | null;
  appId: string | null;
  planHash: string | null;
  fault: FaultView | null;
  result: RunResult | null;
  queuedAtMs: number;
  startedAtMs: number | null;
  settledAtMs: number | null;
}

const isSettled = (state: RunState) => settled.includes(state);

/**
 * Shows a run live until it has settled and gives its last view. A lost connection is resumed where it broke; Ctrl-C leaves the
 * run alone and throws a Fault that says how to come back.
 */
export async function watchRun(common: Common, runId: string): Promise<RunView> {
  const leave = new AbortController();
  const onInterrupt = () => leave.abort();
  process.once('SIGINT', onInterrupt);
  const screen = makeScreen(common);
  try {
    await follow(runId, leave.signal, screen);
  } catch (thrown) {
    if (!leave.signal.aborted) throw thrown;
    throw new Detached(runId);
  } finally {
    process.removeListener('SIGINT', onInterrupt);
    screen.end();
  }
  return api<RunView>(`/v1/runs/${runId}`);
}

/** Ctrl-C: not a failure of the run. */
export class Detached extends Error {
  readonly runId: string;
  constructor(runId: string) {
    super(`detached; the run goes on: kip run watch ${runId}`);
    this.runId = runId;
  }
}

/** The view of a run that ended well; otherwise its own Fault. */
export function demandSuccess(run: RunView): RunView {
  if (run.state === 'succeeded') return run;
  const fault =
    run.fault === null
      ? new Fault(run.state === 'cancelled' ? 'cancelled' : 'step_failed', `the run was ${run.state}`)
      : faultFromView(run.fault);
  throw new RunFailed(fault, run.id);
}

/** Exit code 9 whatever the cause: a run failed, not the call. */
export class RunFailed extends Fault {
  constructor(fault: Fault, runId: string) {
    super('step_failed', {
      ...fault.view(),
      hint: `${fault.hint === undefined ? '' : `${fault.hint}\n     `}transcript: kip run show ${runId}`,
    });
  }
}

async function follow(runId: string, signal: AbortSignal, screen: Screen): Promise<void> {
  let last = '0';
  for (let failures = 0; ;) {
    try {
      const stream = await open(`/v1/runs/${runId}/events`, { headers: { accept: 'text/event-stream', 'last-event-id': last }, signal });
      for await (const message of readSse(stream)) {
        failures = 0;
        last = message.id ?? last;
        const { event } = JSON.parse(message.data) as FeedEntry;
        screen.show(event);
        if (event.type === 'state' && isSettled(event.state)) return;
      }
    } catch (thrown) {
      signal.throwIfAborted();
      const fault = toFault(thrown);
      if (fault.code !== 'internal' && fault.code !== 'unavailable') throw fault;
    }
    if (isSettled((await api<RunView>(`/v1/runs/${runId}`, { signal }).catch(() => null))?.state ?? 'running')) return;
    failures += 1;
    if (failures > 60)
      throw new Fault('unavailable', {
        message: 'the control plane does not answer any more; the run goes on',
        hint: `kip run watch ${runId}`,
      });
    await sleep(Math.min(250 * failures, 2000), undefined, { signal });
  }
}

interface Screen {
  show(event: RunFeed): void;
  end(): void;
}

const marks: Record<string, string> = { changed: '✓', unchanged: '·', failed: '✗', reverted: '↺', skipped: '–' };

/** One line a finished step; on a terminal the running one stands below, with its seconds. */
function makeScreen(common: Common): Screen {
  const titles = new Map<number, string>();
  const live = process.stderr.isTTY && !common.quiet && !common.json;
  let running: { title: string; sinceMs: number } | null = null;
  const wipe = () => live && process.stderr.write('\r\u001b[2K');
  const line = (text: string) => {
    if (common.quiet || common.json) return;
    wipe();
    process.stderr.write(`${clean(text)}\n`);
  };
  const draw = () => {
    if (live && running !== null)
      process.stderr.write(
        `\r\u001b[2K${paint('dim', `  … ${clean(running.title)} ${duration(Date.now() - running.sinceMs)}`, process.stderr)}`,
      );
  };
  const tick = live ? setInterval(draw, 250) : undefined;
  return {
    show(event) {
      switch (event.type) {
        case 'planned':
          for (const step of event.steps) titles.set(step.index, step.title);
          line(`plan ${event.hash.slice(0, 12)}: ${event.steps.length} steps`);
          break;
        case 'step': {
          const title = titles.get(event.index) ?? `step ${event.index + 1}`;
          if (event.state === 'started') running = { title, sinceMs: Date.now() };
          else {
            running = null;
            const bad = event.state === 'failed' || event.state === 'reverted';
            line(
              `  ${paint(bad ? 'red' : 'green', marks[event.state] ?? ' ', process.stderr)} ${title}  ${paint('dim', duration(event.durationMs), process.stderr)}`,
            );
          }
          break;
        }
        case 'warning':
          line(`  ${paint('yellow', '!', process.stderr)} ${event.text}`);
          break;
        case 'note':
          line(`    ${event.text}`);
          break;
        case 'found':
          line(`    ${event.findings} finding${event.findings === 1 ? '' : 's'}`);
          break;
        case 'state':
        case 'output':
        case 'truncated':
          break;
        default:
          event satisfies never;
      }
      draw();
    },
    end() {
      if (tick !== undefined) clearInterval(tick);
      running = null;
      wipe();
    },
  };
}
