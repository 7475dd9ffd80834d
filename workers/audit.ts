import { defaultWish } from '../core/hardening/wish.ts';
import type { RunResult } from '../core/runs.ts';
import type { Job } from './job.ts';
import { hardenWish, readServer, reportServer } from './server-facts.ts';

/** Looks at a server and changes nothing. */
export async function runAudit(job: Job): Promise<RunResult> {
  const facts = await readServer(job);
  const { sameHost: _, ...input } = defaultWish;
  reportServer(job, hardenWish(job, input, facts), facts);
  return { changed: 0 };
}
