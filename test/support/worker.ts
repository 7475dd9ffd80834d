import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { makePlan, planText } from '../../core/plan.ts';
import type { RunResult } from '../../core/runs.ts';
import type { Job } from '../../workers/job.ts';
import { work } from '../../workers/main.ts';
import { challengeOf } from './runs.ts';

/** A worker process whose handler is the test's: it writes its effects into a file instead of changing a host. */
const wish = z.object({ steps: z.number(), stepMs: z.number(), effects: z.string(), print: z.string().default(''), times: z.number().default(1), secret: z.string().optional() });

async function handle(job: Job): Promise<RunResult> {
  const input = wish.parse(job.claim.input);
  if (input.secret !== undefined) job.secret(input.secret);
  await job.api.sign(challengeOf({ publicKey: job.claim.target.publicKey }));
  const plan = makePlan(
    { steps: input.steps },
    Array.from({ length: input.steps }, (_, n) => ({ kind: 'probe', id: `step-${n}`, title: `step ${n}`, timeoutMs: 5_000, probe: { type: 'login' } })),
  );
  if (job.claim.plan === null) await job.api.plan(plan, createHash('sha256').update(planText(plan)).digest('hex'));
  const states = job.claim.plan?.states ?? [];
  let changed = 0;
  for (let index = 0; index < input.steps; index += 1) {
    if (states[index] === 'changed') continue;
    job.record({ type: 'step', index, state: 'started' });
    await sleep(input.stepMs, undefined, { signal: job.signal });
    const pieces = input.times === 1 ? /[^]{1,7}/g : /[^]{1,4099}/g;
    for (const text of input.print.repeat(input.times).match(pieces) ?? []) job.record({ type: 'output', index, stream: 'stdout', text });
    appendFileSync(input.effects, `${job.claim.runId} ${index} ${job.claim.fence}\n`);
    job.record({ type: 'step', index, state: 'changed' });
    changed += 1;
  }
  return { changed };
}

const program = await work({ environment: process.env, identityFd: null, people: false, handle });
process.on('SIGTERM', () => void program.stop().then(() => process.exit(0)));
