import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { keepAnswer } from '../../workers/answer.ts';
import { openShell } from '../../workers/ssh.ts';
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
  const opening = openShell(
    { ...target, hostKeys: [] },
    () => Promise.reject(new Error('never')),
    new AbortController().signal,
    (address) => mayDial(address, 'public'),
  );
  await expect(opening).rejects.toMatchObject({ reason: 'target_refused' });
  expect(met).toBe(0);
  server.close();
  expect(
    ['169.254.169.254', '168.63.129.16', '100.100.100.200', 'fd00:ec2::254', '::ffff:169.254.169.254'].filter((one) => mayDial(one, 'any')),
  ).toEqual([]);
});
