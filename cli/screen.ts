import type { RunFeed } from '../core/feed.ts';
import { clean, duration, paint, type Common } from './output.ts';

export interface Screen {
  show(event: RunFeed): void;
  end(): void;
}

const marks: Record<string, string> = { changed: '✓', unchanged: '·', failed: '✗', reverted: '↺', skipped: '–' };

/** One line a finished step on standard error; on a terminal the running one stands below, with its seconds. */
export function makeScreen(common: Common): Screen {
  const silent = common.quiet || common.json;
  const bottom = makeBottom(!silent && process.stderr.isTTY);
  const titles = new Map<number, string>();
  const line = (text: string) => {
    if (silent) return;
    bottom.wipe();
    process.stderr.write(`${clean(text)}\n`);
  };
  const titleOf = (index: number) => titles.get(index) ?? `step ${index + 1}`;
  const step = (event: Extract<RunFeed, { type: 'step' }>) => {
    if (event.state === 'started') return bottom.set(titleOf(event.index));
    bottom.set(null);
    const colour = event.state === 'failed' || event.state === 'reverted' ? 'red' : 'green';
    line(`  ${paint(colour, marks[event.state] ?? ' ')} ${titleOf(event.index)}  ${paint('dim', duration(event.durationMs))}`.trimEnd());
    if (event.fault !== undefined) line(`      ${event.fault.message}`);
  };
  return {
    show(event) {
      switch (event.type) {
        case 'state':
          bottom.set(event.state === 'queued' ? 'waiting for a worker' : event.state === 'running' ? 'looking at the server' : null);
          break;
        case 'planned':
          for (const one of event.steps) titles.set(one.index, one.title);
          line(`plan ${event.hash.slice(0, 12)}: ${event.steps.length} step${event.steps.length === 1 ? '' : 's'}`);
          break;
        case 'step':
          step(event);
          break;
        case 'warning':
          line(`  ${paint('yellow', '!')} ${event.text}`);
          break;
        case 'note':
          line(`    ${event.text}`);
          break;
        case 'found':
          line(`    ${event.findings} finding${event.findings === 1 ? '' : 's'}`);
          break;
        case 'output':
        case 'truncated':
          break;
        default:
          event satisfies never;
      }
      bottom.draw();
    },
    end: () => bottom.end(),
  };
}

/** The last line of a terminal: what is running and for how long. */
function makeBottom(live: boolean) {
  let running: { title: string; sinceMs: number } | null = null;
  const wipe = () => {
    if (live) process.stderr.write('\r\u001b[2K');
  };
  const draw = () => {
    if (!live || running === null) return;
    const text = `  … ${clean(running.title)} ${duration(Math.floor((Date.now() - running.sinceMs) / 1000) * 1000)}`;
    process.stderr.write(`\r\u001b[2K${paint('dim', text.slice(0, (process.stderr.columns ?? 80) - 1))}`);
  };
  const tick = live ? setInterval(draw, 250) : undefined;
  return {
    wipe,
    draw,
    set: (title: string | null) => {
      running = title === null ? null : { title, sinceMs: Date.now() };
    },
    end: () => {
      clearInterval(tick);
      running = null;
      wipe();
    },
  };
}
