import { expect, test } from 'vitest';
import type { Target } from '../../core/runs.ts';
import { resolveTarget } from '../../workers/resolve.ts';

const at = (address: string): Target => ({
  serverId: 'srv_1',
  address,
  port: 22,
  serverName: 'web-1',
  user: 'kipper',
  publicKey: '',
  hostKeys: [],
});

test('T52 an address that may not be dialled is refused before a dial, also behind a name', async () => {
  for (const address of ['169.254.169.254', '::ffff:169.254.169.254', '0.0.0.0'])
    await expect(resolveTarget(at(address), 'any')).rejects.toMatchObject({ reason: 'target_refused' });
  await expect(resolveTarget(at('localhost'), 'public')).rejects.toMatchObject({ code: 'host_refused', reason: 'target_refused' });
  expect(await resolveTarget(at('localhost'), 'any')).toMatch(/^(127\.0\.0\.1|::1)$/);
});

test('a name that does not resolve is said to be that', async () => {
  await expect(resolveTarget(at('nowhere.invalid'), 'any')).rejects.toMatchObject({ reason: 'dns_failed' });
});
