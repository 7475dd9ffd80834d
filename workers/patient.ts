import { setTimeout as sleep } from 'node:timers/promises';
import { toFault } from '../core/fault.ts';
import type { RunApi } from './api.ts';

/** Longer than a restart of the control plane, shorter than any step's own limit makes sense. */
const patienceMs = 120_000;

/**
 * A run's API that waits for a control plane that does not answer, up to 2 min or until the run is stopped: a restart in the middle of
 * a run is no reason to fail it. Each of these calls may be repeated: the plan is frozen once, a login is signed anew.
 */
export function patient(api: RunApi, signal: AbortSignal): RunApi {
  const wait = async <T>(call: () => Promise<T>): Promise<T> => {
    const until = performance.now() + patienceMs;
    for (let waitMs = 200; ; waitMs = Math.min(waitMs * 2, 3_000)) {
      try {
        return await call();
      } catch (thrown) {
        if (toFault(thrown).reason !== 'control_plane' || performance.now() > until) throw thrown;
        await sleep(waitMs, undefined, { signal });
      }
    }
  };
  return {
    ...api,
    plan: (plan, hash) => wait(() => api.plan(plan, hash)),
    sign: (challenge) => wait(() => api.sign(challenge)),
    artefact: (sha256) => wait(() => api.artefact(sha256)),
  };
}
