import { and, eq } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fault } from '../../../core/fault.ts';
import { makeApp } from '../../../services/http/app.ts';
import { enrolments, events, hostKeys, runs, serverKeys, servers } from '../../../services/db/tables.ts';
import { claimEnrolment } from '../../../services/servers/claim-enrolment.ts';
import { inviteAgain } from '../../../services/servers/invite-again.ts';
import { inviteServer } from '../../../services/servers/invite.ts';
import { removeServer } from '../../../services/servers/remove.ts';
import { revokeEnrolment } from '../../../services/servers/revoke-enrolment.ts';
import { newContext, seedPerson, type PersonActor, type TestContext } from '../../support/record.ts';
import { hostKeyLine, machine } from './claims.ts';

let ctx: TestContext;
let owner: PersonActor;
beforeEach(() => {
  ctx = newContext({ environment: { KIPPER_URL: 'https://kipper.example.com' } });
  owner = seedPerson(ctx);
});
afterEach(() => ctx.close());

const from = '203.0.113.9';

function invited(name = 'web-1') {
  return inviteServer(ctx, owner, { name });
}

function claim(enrolment: { id: string; token: string }, parts: object = machine()) {
  return claimEnrolment(ctx, from, enrolment.id, { ...parts, token: enrolment.token });
}

function refusal(work: () => unknown): Fault {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error('nothing was refused');
}

const stateOf = (id: string) => ctx.db.select().from(servers).where(eq(servers.id, id)).get()?.state;
const eventsOf = (name: string) => ctx.db.select().from(events).where(eq(events.name, name)).all();

test('T74 of 50 claims at once exactly one wins, 49 are told nothing of it, and the owner sees each', async () => {
  const { server, enrolment } = invited();
  const app = makeApp(ctx, { limits: { claim: 1000, stranger: 1000 } });
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      app.request(`/v1/enrolments/${enrolment.id}/claim`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...machine(), token: enrolment.token }),
      }),
    ),
  );
  const statuses = answers.map((answer) => answer.status).toSorted();
  expect(statuses).toEqual([200, ...Array<number>(49).fill(410)]);
  const losers = await Promise.all(answers.filter((answer) => answer.status === 410).map((answer) => answer.text()));
  expect(new Set(losers).size).toBe(1);
  expect(losers[0]).not.toMatch(/203\.0\.113|127\.0|per_|SHA256/);
  expect(stateOf(server.id)).toBe('enrolled');
  expect(ctx.db.select().from(hostKeys).all()).toHaveLength(1);
  expect(ctx.db.select().from(runs).all()).toHaveLength(1);
  expect(eventsOf('enrolment.refused')).toHaveLength(49);
});

test('T74 an expired, a replayed and a revoked token are refused with 410 and change nothing', () => {
  const { server, enrolment } = invited();
  ctx.clock.nowMs += 15 * 60_000;
  expect(refusal(() => claim(enrolment))).toMatchObject({ code: 'gone', reason: 'enrolment_over' });
  const second = inviteAgain(ctx, owner, server.id, {}).enrolment;
  revokeEnrolment(ctx, owner, second.id);
  expect(refusal(() => claim(second)).code).toBe('gone');
  expect(stateOf(server.id)).toBe('invited');
  const third = inviteAgain(ctx, owner, server.id, {}).enrolment;
  claim(third);
  expect(refusal(() => claim(third)).code).toBe('gone');
  expect(refusal(() => revokeEnrolment(ctx, owner, third.id)).code).toBe('gone');
  expect(ctx.db.select().from(hostKeys).all()).toHaveLength(1);
});

test('T74 the token of one server does not open the enrolment of another', () => {
  const one = invited('web-1');
  const other = invited('web-2');
  expect(refusal(() => claim({ id: one.enrolment.id, token: other.enrolment.token })).code).toBe('not_allowed');
  expect(refusal(() => claim({ id: 'enr_none', token: other.enrolment.token })).code).toBe('not_allowed');
  expect([stateOf(one.server.id), stateOf(other.server.id)]).toEqual(['invited', 'invited']);
});

test('T48 another invitation has a new token, and the old one is refused', () => {
  const { server, enrolment } = invited();
  const again = inviteAgain(ctx, owner, server.id, {}).enrolment;
  expect(again.token).not.toBe(enrolment.token);
  expect(again.token).toMatch(/^kpe_[A-Za-z0-9_-]{43}$/);
  expect(refusal(() => claim(enrolment)).code).toBe('gone');
  expect(claim(again).state).toBe('enrolled');
});

test('T47 the record keeps a digest of the token only', () => {
  const { enrolment } = invited();
  expect(ctx.db.select().from(enrolments).all()[0]?.tokenHash).toMatch(/^[0-9a-f]{64}$/);
  expect(ctx.db.$client.serialize().includes(enrolment.token)).toBe(false);
});

test('a clone is named to its own organization and to no other', () => {
  const body = machine();
  claim(invited('web-1').enrolment, body);
  const clone = refusal(() => claim(invited('web-2').enrolment, { ...machine(), hostKeys: body.hostKeys }));
  expect(clone).toMatchObject({ code: 'conflict', reason: 'machine_cloned' });
  expect(clone.message).toContain('web-1');
  const stranger = seedPerson(ctx);
  const theirs = inviteServer(ctx, stranger, { name: 'box' });
  const told = refusal(() => claim(theirs.enrolment, { ...machine(), machineId: body.machineId }));
  expect(told.reason).toBe('machine_cloned');
  expect(`${told.message} ${told.hint}`).not.toContain('web-1');
  expect(stateOf(theirs.server.id)).toBe('invited');
});

test('a reinstalled machine takes the place of the old one only when the invitation says so; history is kept', () => {
  const { server, enrolment } = invited();
  claim(enrolment);
  const old = ctx.db.select().from(hostKeys).all()[0]?.fingerprint ?? '';
  const plain = inviteAgain(ctx, owner, 'web-1', {}).enrolment;
  const refused = refusal(() => claim(plain));
  expect(refused).toMatchObject({ code: 'conflict', reason: 'host_key_changed' });
  expect(refused.message).toContain(old);
  const replacing = inviteAgain(ctx, owner, 'web-1', { replace: true }).enrolment;
  const view = claim(replacing);
  expect(view.id).toBe(server.id);
  expect(view.hostKeys.map((key) => key.fingerprint)).not.toContain(old);
  expect(ctx.db.select().from(hostKeys).where(eq(hostKeys.fingerprint, old)).get()?.replacedAtMs).toBe(ctx.now());
  expect(eventsOf('server.replaced')).toHaveLength(1);
});

test('the same machine may enrol again, and nothing is pinned twice', () => {
  const body = machine();
  const { server, enrolment } = invited();
  claim(enrolment, body);
  claim(inviteAgain(ctx, owner, server.id, {}).enrolment, body);
  expect(ctx.db.select().from(hostKeys).where(eq(hostKeys.serverId, server.id)).all()).toHaveLength(1);
  expect(ctx.db.select().from(serverKeys).where(eq(serverKeys.serverId, server.id)).all()).toHaveLength(1);
});

test('KIPPER_URL changed with a live enrolment: the claim is refused and names both', () => {
  const { enrolment } = invited();
  ctx.config = { ...ctx.config, url: 'https://new.example.com' };
  const fault = refusal(() => claim(enrolment));
  expect(fault).toMatchObject({ code: 'conflict', reason: 'public_url_changed' });
  expect(fault.message).toMatch(/https:\/\/kipper\.example\.com.*https:\/\/new\.example\.com/);
});

test('a control plane on loopback gives no line to paste, and names the two ways out; over SSH it enrols all the same', () => {
  ctx.config = { ...ctx.config, url: 'http://localhost:8700' };
  const fault = refusal(() => invited());
  expect(fault.hint).toMatch(/kip install --host .*--public/);
  expect(ctx.db.select().from(servers).all()).toEqual([]);
  const { enrolment } = inviteServer(ctx, owner, { name: 'web-1', via: 'ssh' });
  expect(enrolment).toMatchObject({ line: null, check: null });
  expect(claim(enrolment, machine({ address: '192.0.2.7', port: 2200 }))).toMatchObject({ address: '192.0.2.7', port: 2200 });
});

test.each([
  ['a key that is not what its first word says', { hostKeys: [`ssh-ed25519 ${Buffer.alloc(64).toString('base64')}`] }],
  ['a key line with a command', { hostKeys: ['command="id" ssh-ed25519 AAAAAAAAAAAAAAAAAAAAAAAA'] }],
  ['no key', { hostKeys: [] }],
  ['17 keys', { hostKeys: Array.from({ length: 17 }, hostKeyLine) }],
  ['an unknown field', { admin: true }],
  ['a machine-id of another shape', { machineId: '../etc' }],
  ['an address that is an option', { address: '-oProxyCommand=id' }],
  ['a port out of range', { sshPorts: [70_000] }],
  ['a control character in a fact', { facts: { ...machine().facts, hostname: 'web\u001b[2J' } }],
])('T13 T36 %s is refused, and the token is not spent', (_what, parts) => {
  const { server, enrolment } = invited();
  expect(refusal(() => claim(enrolment, { ...machine(), ...parts })).code).toBe('invalid_input');
  expect(stateOf(server.id)).toBe('invited');
  expect(ctx.db.select().from(enrolments).where(eq(enrolments.id, enrolment.id)).get()?.claimedAtMs).toBeNull();
});

test('a removed server frees its name, its machine and its keys, and says what stays behind', () => {
  const body = machine();
  const { server, enrolment } = invited();
  claim(enrolment, body);
  expect(refusal(() => removeServer(ctx, owner, 'web-1', false)).code).toBe('in_flight');
  ctx.db.update(runs).set({ state: 'succeeded', settledAtMs: ctx.now() }).run();
  const removed = removeServer(ctx, owner, 'web-1', false);
  expect(removed.staysBehind.join()).toContain('/etc/sudoers.d/kipper');
  expect(removed.command).toContain('--uninstall');
  expect(claim(invited('web-1').enrolment, body).state).toBe('enrolled');
  expect(
    ctx.db
      .select()
      .from(hostKeys)
      .where(and(eq(hostKeys.serverId, server.id)))
      .all(),
  ).toHaveLength(1);
});

test('T23 no answer ever holds a private key or a digest of a token', async () => {
  const { server, enrolment } = invited();
  const sealed = ctx.db.select().from(serverKeys).all()[0]?.privateSealed.toString('base64') ?? '';
  const views = JSON.stringify([server, enrolment, claim(enrolment)]);
  for (const secret of ['PRIVATE', 'privateSealed', 'tokenHash', sealed]) expect(views).not.toContain(secret);
  const script = await (await makeApp(ctx).request(`/e/${inviteAgain(ctx, owner, server.id, {}).enrolment.id}`)).text();
  expect(script).toContain('ssh-ed25519 AAAA');
  expect(script).not.toMatch(/PRIVATE|kpe_[A-Za-z0-9]/);
});

test('the line, the check and the script agree, and the script holds no token', async () => {
  const { enrolment } = invited();
  const answer = await makeApp(ctx).request(`/e/${enrolment.id}`);
  const text = await answer.text();
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text))).toString('hex');
  expect(enrolment.scriptSha256).toBe(digest);
  expect(enrolment.line).toBe(
    `{ echo KIPPER_TOKEN=${enrolment.token}; curl -fsSL https://kipper.example.com/e/${enrolment.id}; } | sudo sh`,
  );
  expect(enrolment.check).toBe(
    `curl -fsSL https://kipper.example.com/e/${enrolment.id} -o enrol.sh && echo '${digest}  enrol.sh' | sha256sum -c && sudo sh enrol.sh`,
  );
  claim(enrolment);
  expect((await makeApp(ctx).request(`/e/${enrolment.id}`)).status).toBe(410);
});
