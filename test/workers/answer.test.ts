import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { keepAnswer } from '../../workers/answer.ts';
import type { Claim } from '../../core/runs.ts';
import type { RunApi } from '../../workers/api.ts';
import { openJob } from '../../workers/open-job.ts';
import { Recorder } from '../../workers/recorder.ts';
import { mayDial } from '../../workers/targets.ts';

test('a host that answers without end is refused before it fills the memory', () => {
  const answer = keepAnswer('the list');
  const piece = 'x'.repeat(64 * 1024);
  const flood = () => {
    for (let n = 0; n < 1_000; n += 1) void answer.take('stdout', piece);
  };
  expect(flood).toThrow(/larger than 1 MiB/);
  expect(answer.text().length).toBeLessThan(2 * 1024 * 1024);
});

test('T45 a forbidden address is not even dialled: open and closed ports look the same', async () => {
  let met = 0;
  const server = createServer(() => (met += 1)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const target = {
    serverId: 'srv_1',
    serverName: 'one',
    address: '127.0.0.1',
    port,
    user: 'kipper',
    hostKeys: [],
    publicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  } as const;
  for (const address of ['127.0.0.1', 'localhost']) {
    const claim: Claim = {
      runId: 'run_1',
      kind: 'audit',
      fence: 1,
      token: 'a token',
      target: { ...target, address, hostKeys: [] },
      input: {},
      plan: null,
      timeoutMs: 1,
    };
    const recorder = new Recorder({ records: () => Promise.resolve() }, () => undefined);
    const { job } = openJob({ claim, api: {} as RunApi, recorder, signal: new AbortController().signal, targets: 'public' });
    await expect(job.connection()).rejects.toMatchObject({ reason: 'target_refused' });
    await expect(job.address()).rejects.toMatchObject({ reason: 'target_refused' });
  }
  expect(met).toBe(0);
  server.close();
  expect(
    ['169.254.169.254', '168.63.129.16', '100.100.100.200', 'fd00:ec2::254', '::ffff:169.254.169.254'].filter((one) => mayDial(one, 'any')),
  ).toEqual([]);
});
