import type { Command } from 'commander';
import { Fault } from '../../core/fault.ts';
import { api, type List } from '../api.ts';
import { answer, card, duration, say, table, when } from '../output.ts';
import { commonOf, noun, whole } from '../program.ts';
import { demandSuccess, watchRun, type RunView } from '../watch.ts';

interface StepView {
  index: number;
  title: string;
  state: string;
  command: string | null;
  exitCode: number | null;
  durationMs: number | null;
  outputHead: string;
  outputTail: string;
  outputBytes: number;
  fault: { message: string } | null;
}

export function runCommands(program: Command): void {
  const run = noun(program, 'run', 'runs: everything that was done, step by step');
  run
    .command('ls')
    .description('list runs, newest first')
    .option('--limit <n>', 'how many', whole(1, 200), 20)
    .action(async (flags: { limit: number }, command: Command) => {
      const list = await api<List<RunView>>(`/v1/runs?limit=${flags.limit}`);
      answer(commonOf(command), list, () =>
        table(
          ['id', 'kind', 'state', 'queued', 'took'],
          list.items.map((item) => [item.id, item.kind, item.state, when(item.queuedAtMs), took(item)]),
          'no runs yet: enrol a server with kip install --host ADDRESS',
        ),
      );
    });

  run
    .command('show [run]')
    .description('a run with every step; without RUN the newest')
    .option('--output', 'also the command of each step and what it printed; those of failed steps are always shown')
    .action(async (named: string | undefined, flags: { output?: boolean }, command: Command) => {
      const shown = await findRun(named);
      const { items } = await api<{ items: StepView[] }>(`/v1/runs/${encodeURIComponent(shown.id)}/steps`);
      answer(commonOf(command), { ...shown, steps: items }, () =>
        [header(shown), '', ...items.flatMap((step) => stepText(step, flags.output === true || step.state === 'failed'))].join('\n'),
      );
    });

  run
    .command('watch [run]')
    .description('follow a run, without RUN the newest; Ctrl-C leaves it running')
    .action(async (named: string | undefined, _flags: object, command: Command) => {
      const common = commonOf(command);
      const ended = demandSuccess(await watchRun(common, (await findRun(named)).id));
      answer(common, ended, () => `${ended.kind} ${ended.state}`);
    });

  run
    .command('cancel <run>')
    .description('stop a run before its next step; an armed step is reverted')
    .action(async (id: string, _flags: object, command: Command) => {
      const shown = await api<RunView>(`/v1/runs/${encodeURIComponent(id)}/cancel`, { method: 'POST' });
      answer(commonOf(command), shown, () => (shown.state === 'cancelled' ? 'cancelled' : `cancelling; see kip run watch ${shown.id}`));
    });

  run
    .command('retry <run>')
    .description('try a run that did not succeed again, as a new run')
    .option('--no-wait', 'do not watch it')
    .action(async (id: string, flags: { wait: boolean }, command: Command) => {
      const common = commonOf(command);
      const next = await api<RunView>(`/v1/runs/${encodeURIComponent(id)}/retry`, { method: 'POST' });
      say(common, `run ${next.id}`);
      const ended = flags.wait ? demandSuccess(await watchRun(common, next.id)) : next;
      answer(common, ended, () => `${ended.kind} ${ended.state}`);
    });
}

/** The named run, else the newest. */
async function findRun(named: string | undefined): Promise<RunView> {
  if (named !== undefined) return api<RunView>(`/v1/runs/${encodeURIComponent(named)}`);
  const [newest] = (await api<{ items: RunView[] }>('/v1/runs?limit=1')).items;
  if (newest === undefined)
    throw new Fault('not_found', { message: 'there is no run yet', hint: 'enrol a server: kip install --host ADDRESS' });
  return newest;
}

function took(run: RunView): string {
  return run.startedAtMs === null || run.settledAtMs === null ? '-' : duration(run.settledAtMs - run.startedAtMs);
}

function header(run: RunView): string {
  return card([
    ['run', run.id],
    ['kind', run.kind],
    ['state', run.state],
    ['queued', when(run.queuedAtMs)],
    ['took', took(run)],
    ['plan hash', run.planHash],
    ['failed with', run.fault?.message],
    ['next step', run.fault?.hint],
  ]);
}

function stepText(step: StepView, withOutput: boolean): string[] {
  const lines = [
    `${String(step.index + 1).padStart(3)}  ${step.state.padEnd(9)}  ${step.title}  ${duration(step.durationMs)}${step.exitCode === null ? '' : `  exit ${step.exitCode}`}`,
  ];
  if (step.fault !== null) lines.push(`     ${step.fault.message}`);
  if (!withOutput) return lines;
  if (step.command !== null) lines.push(...indent(`$ ${step.command}`));
  const hidden = step.outputBytes - Buffer.byteLength(step.outputHead) - Buffer.byteLength(step.outputTail);
  if (step.outputHead !== '') lines.push(...indent(step.outputHead));
  if (hidden > 0) lines.push(`     … ${hidden} bytes are not kept …`);
  if (step.outputTail !== '') lines.push(...indent(step.outputTail));
  return lines;
}

const indent = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `     ${line}`);
