import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { leaseMs } from '../../../core/runs.ts';
import { Fault } from '../../../core/fault.ts';
import { Redacted } from '../../../core/redacted.ts';
import { newId } from '../../../core/ids.ts';
import { settlementBody, signaturesPerRun } from '../../../core/wire.ts';
import { clusters, events, findings, runs, servers, steps } from '../../../services/db/tables.ts';
import { revokeWorker } from '../../../services/fleet/revoke.ts';
import { reconcile } from '../../../services/reconcile.ts';
import { cancelRun } from '../../../services/runs/cancel.ts';
import { claimRun } from '../../../services/runs/claim.ts';
import { heartbeat } from '../../../services/runs/heartbeat.ts';
import { freezePlan } from '../../../services/runs/plan.ts';
import { writeRecords } from '../../../services/runs/records.ts';
import { retryRun } from '../../../services/runs/retry.ts';
import { settleRun } from '../../../services/runs/settle.ts';
import { runSteps, showRun } from '../../../services/runs/show.ts';
import { signChallenge } from '../../../services/runs/sign.ts';
import { makeVault } from '../../../services/vault/vault.ts';
import { newContext, seedPerson, type TestContext } from '../../support/record.ts';
import { challengeOf, claimed, planOf, queue, seedTarget, seedWorker, type Seeded, type Worker } from '../../support/runs.ts';

let ctx: TestContext;
let target: Seeded;
let worker: Worker;

beforeEach(() => {
  ctx = newContext();
  target = seedTarget(ctx);
  worker = seedWorker(ctx);
});
afterEach(() => ctx.close());

const rowOf = (id: string) => ctx.db.select().from(runs).where(eq(runs.id, id)).get();
const codeOf = (act: () => unknown) => {
  try {
    act();
  } catch (thrown) {
    return (thrown as { code?: string }).code;
  }
  return 'done';
};

describe('trying again', () => {
  test('asks for the same rights as the first time: only an owner takes a cluster away', () => {
    const run = queue(ctx, target, 'uninstall', { clusterId: 'cls_x' });
    ctx.db.update(runs).set({ state: 'failed', settledAtMs: ctx.now() }).where(eq(runs.id, run.id)).run();
    expect(codeOf(() => retryRun(ctx, { ...target.actor, role: 'member' }, run.id))).toBe('not_allowed');
    expect(codeOf(() => retryRun(ctx, target.actor, run.id))).toBe('done');
  });
});

describe('claiming', () => {
  test('an uninstall that is tried again finds its cluster removed and touches nothing that came after', () => {
    const id = newId('cluster', ctx.now(), ctx.random);
    ctx.db
      .insert(clusters)
      .values({
        id,
        organizationId: target.actor.organizationId,
        serverId: target.serverId,
        name: 'one',
        state: 'removed',
        domain: 'a.example.com',
        createdAtMs: ctx.now(),
        removedAtMs: ctx.now(),
      })
      .run();
    const run = queue(ctx, target, 'uninstall', { clusterId: id });
    ctx.db.update(runs).set({ clusterId: id }).where(eq(runs.id, run.id)).run();
    expect(claimRun(ctx, worker, run.id)).toBeNull();
    expect(JSON.parse(rowOf(run.id)?.fault ?? '{}')).toMatchObject({ code: 'gone' });
  });

  test('a Fault of any length fits the settlement', () => {
    const long = 'x'.repeat(9_000);
    const view = new Fault('host_refused', { message: long, hint: long, field: long, reason: long }).view();
    expect(settlementBody.safeParse({ outcome: 'failed', fault: view, result: { changed: 0 } }).success).toBe(true);
  });

  test('exactly one of 20 workers gets a run', () => {
    const run = queue(ctx, target);
    const answers = Array.from({ length: 20 }, () => claimRun(ctx, seedWorker(ctx), run.id));
    expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
    expect(rowOf(run.id)).toMatchObject({ state: 'running', attempts: 1, fence: 1 });
  });

  test('one run of a server at a time; the fence rises with every claim', () => {
    const [first, second] = [queue(ctx, target), queue(ctx, target)];
    const claim = claimed(ctx, worker, first);
    expect(claimRun(ctx, worker, second.id)).toBeNull();
    settleRun(ctx, first.id, claim.token, { outcome: 'succeeded', result: { changed: 0 } });
    expect(claimed(ctx, worker, second).fence).toBe(claim.fence + 1);
  });

  test('the database itself refuses a second running run of a server', () => {
    const [first, second] = [queue(ctx, target), queue(ctx, target)];
    claimed(ctx, worker, first);
    expect(() => ctx.db.update(runs).set({ state: 'running' }).where(eq(runs.id, second.id)).run()).toThrow(/UNIQUE/);
  });

  test('a run of a server that cannot be reached at all fails with the next step', () => {
    const run = queue(ctx, target);
    ctx.db.update(servers).set({ state: 'invited' }).run();
    expect(claimRun(ctx, worker, run.id)).toBeNull();
    expect(showRun(ctx, target.actor, run.id)).toMatchObject({ state: 'failed', fault: { code: 'conflict' } });
  });
});

describe('the fence', () => {
  test('the holder before cannot write one byte', () => {
    const run = queue(ctx, target);
    const old = claimed(ctx, worker, run);
    const { plan, hash } = planOf('a', 'b');
    freezePlan(ctx, run.id, old.token, plan, hash);
    ctx.clock.nowMs += leaseMs + 1;
    reconcile(ctx);
    expect(rowOf(run.id)?.state).toBe('queued');
    expect(codeOf(() => heartbeat(ctx, run.id, old.token))).toBe('superseded');
    const next = claimed(ctx, seedWorker(ctx), run);
    expect(next).toMatchObject({ fence: old.fence + 1, plan: { hash, states: ['planned', 'planned'] } });
    const before = ctx.db.$client.serialize();
    const attempts = [
      () => heartbeat(ctx, run.id, old.token),
      () => freezePlan(ctx, run.id, old.token, plan, hash),
      () => writeRecords(ctx, run.id, old.token, { seq: 1, records: [{ type: 'note', text: 'late' }] }),
      () => signChallenge(ctx, run.id, old.token, challengeOf({ publicKey: target.key.publicKey })),
      () => settleRun(ctx, run.id, old.token, { outcome: 'succeeded', result: { changed: 1 } }),
    ];
    expect(attempts.map(codeOf)).toEqual(attempts.map(() => 'superseded'));
    expect(ctx.db.$client.serialize().equals(before)).toBe(true);
  });

  test('T47 a token of another run, a changed one and none at all are refused alike', () => {
    const run = queue(ctx, target);
    const other = queue(ctx, seedTarget(ctx, target.actor));
    const claim = claimed(ctx, worker, run);
    const foreign = claimed(ctx, worker, other);
    const changed = claim.token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')).replace('.1.', '.2.');
    for (const token of ['', 'x', foreign.token, changed]) expect(codeOf(() => heartbeat(ctx, run.id, token))).toBe('not_signed_in');
  });

  test('a revoked worker is out at once and its run goes to another', () => {
    const run = queue(ctx, target);
    const claim = claimed(ctx, worker, run);
    revokeWorker(ctx, { kind: 'system', job: 'test' }, worker.id);
    expect(codeOf(() => heartbeat(ctx, run.id, claim.token))).toBe('not_allowed');
    reconcile(ctx);
    expect(claimed(ctx, seedWorker(ctx), run).fence).toBe(2);
  });
});

describe('plan and records', () => {
  test('a plan is frozen once, and only with its own hash', () => {
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    const { plan, hash } = planOf('a');
    expect(codeOf(() => freezePlan(ctx, run.id, token, plan, 'f'.repeat(64)))).toBe('invalid_input');
    freezePlan(ctx, run.id, token, plan, hash);
    freezePlan(ctx, run.id, token, plan, hash);
    const other = planOf('b');
    expect(codeOf(() => freezePlan(ctx, run.id, token, other.plan, other.hash))).toBe('conflict');
    expect(ctx.db.select().from(steps).all()).toHaveLength(1);
  });

  test('a batch that comes twice is written once, and one out of order is refused', () => {
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    const { plan, hash } = planOf('a');
    freezePlan(ctx, run.id, token, plan, hash);
    const batch = { seq: 1, records: [{ type: 'output', index: 0, stream: 'stdout', text: 'once\n' } as const] };
    writeRecords(ctx, run.id, token, batch);
    writeRecords(ctx, run.id, token, batch);
    expect(codeOf(() => writeRecords(ctx, run.id, token, { ...batch, seq: 3 }))).toBe('conflict');
    expect(runSteps(ctx, target.actor, run.id)[0]).toMatchObject({ outputHead: 'once\n', outputBytes: 5 });
  });

  test('findings stand for their scope: gone ones are resolved, standing ones keep their age', () => {
    const finding = (control: string) =>
      ({ control, title: control, severity: 'high', evidence: 'e', hint: 'h', standards: [], remedy: 'fixable' }) as const;
    const report = (...controls: string[]) => {
      const run = queue(ctx, target);
      const { token } = claimed(ctx, worker, run);
      writeRecords(ctx, run.id, token, { seq: 1, records: [{ type: 'findings', scope: 'server', findings: controls.map(finding) }] });
      settleRun(ctx, run.id, token, { outcome: 'succeeded', result: { changed: 0 } });
    };
    report('ssh.root', 'rpcbind');
    report('rpcbind', 'ufw');
    const rows = ctx.db.select().from(findings).all();
    expect(rows.map((row) => [row.control, row.resolvedAtMs !== null])).toEqual([
      ['ssh.root', true],
      ['rpcbind', false],
      ['ufw', false],
    ]);
  });

  test('what an audit did not look at it does not resolve: the findings of a cluster stay', () => {
    const finding = {
      control: 'k3s-cgroup',
      title: 't',
      severity: 'low',
      evidence: 'e',
      hint: 'h',
      standards: [],
      remedy: 'owner',
    } as const;
    for (const [scope, found] of [
      ['cluster', [finding]],
      ['server', []],
    ] as const) {
      const run = queue(ctx, target);
      const { token } = claimed(ctx, worker, run);
      writeRecords(ctx, run.id, token, { seq: 1, records: [{ type: 'findings', scope, findings: [...found] }] });
      settleRun(ctx, run.id, token, { outcome: 'succeeded', result: { changed: 0 } });
    }
    expect(
      ctx.db
        .select()
        .from(findings)
        .all()
        .map((row) => row.resolvedAtMs),
    ).toEqual([null]);
  });
});

describe('signing', () => {
  test("a login of kipper with this server's key is signed; the signature verifies and is an Event", () => {
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    const challenge = challengeOf({ publicKey: target.key.publicKey });
    const signature = signChallenge(ctx, run.id, token, challenge);
    const raw = Buffer.from(target.key.publicKey.split(' ')[1] ?? '', 'base64').subarray(-32);
    const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') } });
    expect(signature.subarray(0, 15).toString('latin1')).toBe('\0\0\0\x0bssh-ed25519');
    expect(verify(null, challenge, key, signature.subarray(19))).toBe(true);
    expect(ctx.db.select().from(events).where(eq(events.name, 'run.signed')).all()).toHaveLength(1);
  });

  test('T63 a key that cannot be decrypted stops the login: nothing is signed, nothing is written as signed', () => {
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    const other = { ...ctx, vault: makeVault(new Redacted(randomBytes(32))) };
    expect(() => signChallenge(other, run.id, token, challengeOf({ publicKey: target.key.publicKey }))).toThrow(Fault);
    expect(ctx.db.select().from(events).where(eq(events.name, 'run.signed')).all()).toEqual([]);
  });

  test('anything else is refused: other user, service, method, key, a longer message, plain bytes', () => {
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    const publicKey = target.key.publicKey;
    const others = [
      challengeOf({ publicKey, user: 'root' }),
      challengeOf({ publicKey, service: 'ssh-userauth' }),
      challengeOf({ publicKey, method: 'hostbased' }),
      challengeOf({ publicKey: seedTarget(ctx, target.actor).key.publicKey }),
      Buffer.concat([challengeOf({ publicKey }), Buffer.of(0)]),
      challengeOf({ publicKey }).subarray(0, 60),
      Buffer.from('a transfer of all your money'),
      Buffer.alloc(0),
    ];
    expect(others.map((challenge) => codeOf(() => signChallenge(ctx, run.id, token, challenge)))).toEqual(others.map(() => 'not_allowed'));
    expect(rowOf(run.id)?.signatures).toBe(0);
  });

  test('a run has a limit of signatures', () => {
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    ctx.db.update(runs).set({ signatures: signaturesPerRun }).run();
    expect(codeOf(() => signChallenge(ctx, run.id, token, challengeOf({ publicKey: target.key.publicKey })))).toBe('rate_limited');
  });
});

describe('the end of a run', () => {
  test('is written once, also when its answer was lost and it is told again', () => {
    let settled = 0;
    const count = () => void (settled += 1);
    ctx.settlements = { audit: count, harden: count, undo: count, install: count, uninstall: count, deploy: count, retire: count };
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    const { plan, hash } = planOf('a', 'b');
    freezePlan(ctx, run.id, token, plan, hash);
    writeRecords(ctx, run.id, token, { seq: 1, records: [{ type: 'step', index: 0, state: 'started' }] });
    settleRun(ctx, run.id, token, { outcome: 'failed', result: { changed: 0 }, fault: { code: 'step_failed', message: 'no' } });
    settleRun(ctx, run.id, token, { outcome: 'succeeded', result: { changed: 9 } });
    expect(settled).toBe(1);
    expect(rowOf(run.id)).toMatchObject({ state: 'failed', leaseUntilMs: null });
    expect(runSteps(ctx, target.actor, run.id).map((step) => step.state)).toEqual(['failed', 'skipped']);
    expect(codeOf(() => writeRecords(ctx, run.id, token, { seq: 2, records: [] }))).toBe('superseded');
  });

  test("a throw in a noun's settlement leaves the run open, with nothing half-done", () => {
    const nothing = () => {};
    const broken = () => {
      throw new Error('broken');
    };
    ctx.settlements = {
      audit: broken,
      harden: nothing,
      undo: nothing,
      install: nothing,
      uninstall: nothing,
      deploy: nothing,
      retire: nothing,
    };
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    expect(() => settleRun(ctx, run.id, token, { outcome: 'succeeded', result: { changed: 0 } })).toThrow('broken');
    expect(rowOf(run.id)?.state).toBe('running');
  });

  test('cancel ends a queued run at once and tells the worker of a running one', () => {
    const waiting = queue(ctx, target);
    expect(cancelRun(ctx, target.actor, waiting.id).state).toBe('cancelled');
    const run = queue(ctx, target);
    const { token } = claimed(ctx, worker, run);
    expect(heartbeat(ctx, run.id, token).cancel).toBe(false);
    expect(cancelRun(ctx, target.actor, run.id)).toMatchObject({ state: 'running', cancelling: true });
    expect(heartbeat(ctx, run.id, token).cancel).toBe(true);
    settleRun(ctx, run.id, token, { outcome: 'cancelled', result: { changed: 0 } });
    expect(codeOf(() => cancelRun(ctx, target.actor, run.id))).toBe('conflict');
    expect(codeOf(() => cancelRun(ctx, seedPerson(ctx), run.id))).toBe('not_found');
  });

  test('retry makes a new run that names the old one; only of a run that did not succeed', () => {
    const run = queue(ctx, target);
    cancelRun(ctx, target.actor, run.id);
    const again = retryRun(ctx, target.actor, run.id);
    expect(again).toMatchObject({ state: 'queued', retryOf: run.id, kind: run.kind });
    expect(codeOf(() => retryRun(ctx, target.actor, again.id))).toBe('conflict');
  });
});
