import { createHash } from 'node:crypto';
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { makePlan, planText } from '../../core/plan.ts';
import type { RunResult } from '../../core/runs.ts';
import type { Job } from '../../workers/job.ts';
import { work } from '../../workers/main.ts';
import { challengeOf } from './runs.ts';

/** A worker process whose handler is the test's: it writes its effects into a file instead of changing a host, and holds where it is told to. */
const wish = z.object({
  steps: z.number(),
  holdAt: z.number().default(-1),
  effects: z.string(),
  print: z.string().default(''),
  times: z.number().default(1),
  secret: z.string().optional(),
});

async function handle(job: Job): Promise<RunResult> {
  const input = wish.parse(job.claim.input);
  if (input.secret !== undefined) job.secret(input.secret);
  await job.api.sign(challengeOf({ publicKey: job.claim.target.publicKey }));
  const plan = makePlan(
    { steps: input.steps },
    Array.from({ length: input.steps }, (_, n) => ({
      kind: 'probe',
      id: `step-${n}`,
      title: `step ${n}`,
      timeoutMs: 5_000,
      probe: { type: 'login' },
    })),
  );
  if (job.claim.plan === null) await job.api.plan(plan, createHash('sha256').update(planText(plan)).digest('hex'));
  const states = job.claim.plan?.states ?? [];
  let changed = 0;
  for (let index = 0; index < input.steps; index += 1) {
    if (states[index] === 'changed') continue;
    job.record({ type: 'step', index, state: 'started' });
    if (index === input.holdAt) await hold(job, input.effects);
    const pieces = input.times === 1 ? /[^]{1,7}/g : /[^]{1,4099}/g;
    for (const text of input.print.repeat(input.times).match(pieces) ?? []) job.record({ type: 'output', index, stream: 'stdout', text });
    appendFileSync(input.effects, `${job.claim.runId} ${index} ${job.claim.fence}\n`);
    job.record({ type: 'step', index, state: 'changed' });
    changed += 1;
  }
  return { changed };
}

/** Until the test lets this claim go on, or somebody ends it; the latter is written down. */
async function hold(job: Job, effects: string): Promise<void> {
  const { runId, fence } = job.claim;
  try {
    while (!existsSync(`${effects}-go-${runId}-${fence}`)) await sleep(20, undefined, { signal: job.signal });
  } catch (thrown) {
    appendFileSync(effects, `${runId} left ${fence}\n`);
    throw thrown;
  }
}

const program = await work({ environment: process.env, identityFd: null, people: false, handle, beatMs: 500 });
process.on('SIGTERM', () => void program.stop().then(() => process.exit(0)));
