import { expect, test } from 'vitest';
import { Fault } from '../../core/fault.ts';
import type { RunApi } from '../../workers/api.ts';
import { patient } from '../../workers/patient.ts';

function apiWhoseSign(answers: (Fault | Uint8Array)[]): RunApi {
  const unused = () => Promise.reject(new Fault('internal', 'not part of this test'));
  const sign = async () => {
    const next = answers.shift();
    if (next === undefined || next instanceof Fault) throw next ?? new Fault('internal', 'asked too often');
    return next;
  };
  return { heartbeat: unused, plan: unused, records: unused, artefact: unused, settle: unused, sign };
}

const away = () => new Fault('unavailable', { message: 'the control plane does not answer', reason: 'control_plane' });

test('a control plane that restarts in the middle of a run is waited for', async () => {
  const signature = new Uint8Array([1]);
  expect(await patient(apiWhoseSign([away(), away(), signature]), new AbortController().signal).sign(signature)).toBe(signature);
});

test('a refusal is not asked again, and a run that is stopped waits no longer', async () => {
  const refusal = new Fault('superseded', 'another worker has this run');
  await expect(patient(apiWhoseSign([refusal]), new AbortController().signal).sign(new Uint8Array())).rejects.toBe(refusal);
  const end = new AbortController();
  const waiting = patient(apiWhoseSign(Array.from({ length: 9 }, away)), end.signal).sign(new Uint8Array());
  end.abort();
  await expect(waiting).rejects.toThrow();
});
