import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, toFault, type FaultView } from '../core/fault.ts';
import type { FeedEntry } from '../core/feed.ts';
import { settled, type RunResult, type RunState } from '../core/runs.ts';
import { api, open } from './api.ts';
import { RunFailed, Stopped } from './exit.ts';
import { takeInterrupts } from './interrupt.ts';
import type { Common } from './output.ts';
import { makeScreen, type Screen } from './screen.ts';
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
 * run alone and throws what says how to come back.
 */
export async function watchRun(common: Common, runId: string): Promise<RunView> {
  const leave = new AbortController();
  const release = takeInterrupts(() => leave.abort());
  const screen = makeScreen(common);
  try {
    await follow(runId, leave.signal, screen);
  } catch (thrown) {
    if (!leave.signal.aborted) throw thrown;
    throw new Stopped(`detached; the run goes on. Come back to it with: kip run watch ${runId}`, 130);
  } finally {
    release();
    screen.end();
  }
  return api<RunView>(`/v1/runs/${runId}`);
}

/** The view of a run that ended well; otherwise its own Fault. */
export function demandSuccess(run: RunView): RunView {
  if (run.state === 'succeeded') return run;
  const code = run.state === 'cancelled' ? 'cancelled' : 'step_failed';
  throw new RunFailed(run.fault ?? { code, message: `the run was ${run.state}` }, run.id);
}

/** Three of the comments that the control plane sends on a quiet stream. */
const silentMs = 45_000;

async function follow(runId: string, signal: AbortSignal, screen: Screen): Promise<void> {
  let last = '0';
  let over = false;
  for (let failures = 0; ;) {
    try {
      const stream = await open(`/v1/runs/${encodeURIComponent(runId)}/events`, {
        headers: { accept: 'text/event-stream', 'last-event-id': last },
        signal,
        quietMs: silentMs,
      });
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
    if (over) return;
    const run = await api<RunView>(`/v1/runs/${runId}`, { signal }).catch(() => null);
    // Settled while the line was cut: one more reading brings what was missed.
    over = run !== null && isSettled(run.state);
    if (over) continue;
    failures += 1;
    if (failures > 60)
      throw new Fault('unavailable', {
        message: 'the control plane does not answer any more; the run goes on',
        hint: `kip run watch ${runId}`,
      });
    await sleep(Math.min(250 * failures, 2000), undefined, { signal });
  }
}
