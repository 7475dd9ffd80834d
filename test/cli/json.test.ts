import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeApp } from '../../services/http/app.ts';
import { hostKeys, servers } from '../../services/db/tables.ts';
import { newId } from '../../core/ids.ts';
import { seedServer } from '../support/record.ts';
import { kip, openPlane, readState, seedCluster, type Plane } from './kip.ts';

let plane: Plane;
let dir: string;
let clusterId: string;
let serverId: string;
beforeAll(async () => {
  plane = await openPlane();
  dir = plane.signedIn();
  ({ clusterId, serverId } = seedCluster(plane, 'lab'));
});
afterAll(() => plane.close());

async function api(path: string): Promise<unknown> {
  const answer = await makeApp(plane.ctx).request(
    path,
    { headers: { authorization: `Bearer ${readState(dir)['accessToken']}` } },
    { incoming: { socket: { remoteAddress: '127.0.0.1' } } },
  );
  return answer.json();
}

const deploy = ['app', 'deploy', '--name', 'web', '--image', 'nginx:1.27', '--port', '8080'];

describe('--json is the exact JSON of the API', () => {
  it.each([
    [['whoami'], '/v1/me'],
    [['server', 'ls'], '/v1/servers'],
    [['cluster', 'ls'], '/v1/clusters'],
    [['cluster', 'show', 'lab'], '/v1/clusters/lab'],
    [['cluster', 'use', 'lab'], '/v1/clusters/lab'],
    [['project', 'ls'], '/v1/projects'],
    [['env', 'ls'], '/v1/projects/default/environments'],
    [['app', 'ls'], '/v1/apps'],
    [['run', 'ls'], '/v1/runs'],
    [['artefact', 'ls'], '/v1/artefacts'],
  ])('kip %j is GET %s', async (words, path) => {
    const said = await kip(dir, [...words, '--json']);
    expect(said, said.stderr).toMatchObject({ exit: 0, stderr: '' });
    expect(said.json).toEqual(await api(path));
  });

  it('a server with its findings, an app and its releases, a release that is not waited for', async () => {
    const server = await kip(dir, ['server', 'show', 'lab', '--json']);
    expect(server.json).toEqual({ ...((await api('/v1/servers/lab')) as object), findings: [] });
    const made = await kip(dir, [...deploy, '--no-wait', '--env', 'A=b=c', '--json']);
    expect(made, made.stderr).toMatchObject({ exit: 0, stderr: '' });
    expect(Object.keys(made.json)).toEqual(['app', 'release', 'run', 'advice']);
    expect(made.json.release.spec.env).toEqual({ A: 'b=c' });
    expect(made.json.app).toEqual(await api('/v1/apps/web'));
    expect(made.json.run).toEqual(await api(`/v1/runs/${made.json.run.id}`));
    const [show, releases, elsewhere] = await Promise.all([
      kip(dir, ['app', 'show', 'web', '--json']),
      kip(dir, ['app', 'releases', 'web', '--json']),
      kip(dir, ['app', 'show', 'web', '--project', 'others']),
    ]);
    expect(show.json).toEqual(await api('/v1/apps/web'));
    expect(releases.json).toEqual(await api('/v1/apps/web/releases'));
    expect(elsewhere).toMatchObject({ exit: 5, stdout: '' });
  });

  it('every place that prints an address of an app says that its certificate is self-signed, with a curl line that works', async () => {
    const said = await Promise.all([kip(dir, ['app', 'show', 'web']), kip(dir, [...deploy, '--no-wait'])]);
    for (const one of said) {
      expect(one, one.stderr).toMatchObject({ exit: 0 });
      expect(one.stdout).toContain('https://web-production.203-0-113-7.sslip.io/');
      expect(one.stdout).toContain('self-signed');
      expect(one.stdout).toContain('curl -k --resolve web-production.203-0-113-7.sslip.io:443:203.0.113.7 https://');
    }
    expect((await kip(dir, ['cluster', 'show'])).stdout).toContain('self-signed');
  });

  it('--plan creates nothing', async () => {
    const before = await api('/v1/runs');
    const said = await kip(dir, ['app', 'update', 'web', '--image', 'nginx:1.28', '--plan', '--json']);
    expect(said.exit).toBe(0);
    expect(Object.keys(said.json)).toEqual(['hash', 'steps', 'objects', 'advice']);
    expect(await api('/v1/runs')).toEqual(before);
  });
});

describe('what people read', () => {
  it('empty lists say what to do next', async () => {
    const fresh = await openPlane();
    const at = fresh.signedIn();
    const said = await Promise.all(
      [
        ['server', 'ls'],
        ['cluster', 'ls'],
        ['app', 'ls'],
        ['run', 'ls'],
        ['run', 'show'],
        ['cluster', 'harden'],
      ].map((words) => kip(at, words)),
    );
    for (const one of said) expect(one.stdout + one.stderr).toMatch(/kip (?:install|app deploy|server invite)/);
    expect(said.map((one) => one.exit)).toEqual([0, 0, 0, 0, 5, 5]);
    await fresh.close();
  });

  it('a list longer than a page is followed to its end', async () => {
    const fresh = Array.from({ length: 230 }, (_, i) => seedServer(plane.ctx, plane.actor, { name: `many-${i}` }));
    const said = await kip(dir, ['server', 'ls', '--json']);
    expect(said.json.next).toBeNull();
    expect(said.json.items).toHaveLength(231);
    expect((await kip(dir, ['server', 'ls'])).stdout.split('\n')).toHaveLength(233);
    for (const row of fresh) plane.ctx.db.delete(servers).where(eq(servers.id, row.id)).run();
  });

  it('an enrolled server that is invited again shows the pinned fingerprints; only --replace with a yes lets others take their place', async () => {
    const { ctx } = plane;
    const fingerprint = `SHA256:${'B'.repeat(43)}`;
    ctx.db
      .insert(hostKeys)
      .values({
        id: newId('hostKey', ctx.now(), ctx.random),
        serverId,
        algorithm: 'ssh-ed25519',
        fingerprint,
        publicKey: 'x',
        pinnedAtMs: ctx.now(),
      })
      .run();
    const kept = await kip(dir, ['server', 'invite', 'lab']);
    expect(kept.stderr).toContain(fingerprint);
    expect(kept.stderr).toContain('--replace');
    const asked = await kip(dir, ['server', 'invite', 'lab', '--replace']);
    expect(asked).toMatchObject({ exit: 2, stdout: '' });
    // This control plane is on loopback: a line to paste could not reach it, and that is said with the way that works.
    expect(kept.exit).toBe(6);
    expect(kept.stderr).toMatch(/no other machine can reach[\s\S]*kip install --host/);
  });

  it('a server that cannot be reached shows the cause of the doctor and its next step', async () => {
    plane.ctx.db.update(servers).set({ unreachableCause: 'host_key_changed' }).where(eq(servers.id, serverId)).run();
    const said = await kip(dir, ['server', 'show', 'lab']);
    expect(said.stdout).toMatch(/state +enrolled, unreachable\nwhy +\S.*\nnext step +\S/);
    expect(clusterId).toMatch(/^cls_/);
  });

  it('NO_COLOR and a pipe get no colour', async () => {
    const said = await kip(dir, ['server', 'show', 'nope'], { env: { NO_COLOR: '1', FORCE_COLOR: '1' } });
    expect(said.stderr).not.toContain('\u001b[');
  });
});
