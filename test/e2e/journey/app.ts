import { expect, it } from 'vitest';
import { must, run } from '../../lab/shell.ts';
import { type Answer, ask, askOnAndOn } from '../support/web.ts';
import { latestRun, type World } from '../support/world.ts';

interface AppJson {
  app: { url: string; curl: string };
  release: { number: number; imageDigest: string | null; state: string };
}

export const hostName = (world: World, app: string): string => `${app}-production.${world.main.address.replaceAll('.', '-')}.sslip.io`;
export const deploy = (world: World, name: string, image: string, ...flags: string[]): string[] => [
  ...[
    'app',
    'deploy',
    '--name',
    name,
    '--image',
    image.includes('/') ? image : `${world.registry.address}/${image}`,
    '--port',
    '8080',
    ...flags,
  ],
];

const policy =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'";
const sixHeaders = {
  'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
  'x-frame-options': 'SAMEORIGIN',
  'x-content-type-options': 'nosniff',
  'x-xss-protection': '1; mode=block',
  'referrer-policy': 'strict-origin-when-cross-origin',
  'content-security-policy': policy,
};

/** Rows S11, S13, S17, S21, D1–D3: an app that answers with the promised defaults. */
export function appPart(world: () => World): void {
  const web = (options = {}): Promise<Answer> => ask(world().main.address, hostName(world(), 'web'), options);

  it('app deploy gives a URL that answers over HTTPS with the six headers, and hides the software behind it', async () => {
    const { kip, registry, notes } = world();
    const beganMs = Date.now();
    const made = await kip.json<AppJson>(deploy(world(), 'web', 'httpd:1'));
    notes.set('first deploy', `${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
    const answer = await web();
    expect(answer).toMatchObject({ status: 200, headers: sixHeaders });
    expect(answer.body).toContain('version=1');
    expect(answer.headers).not.toHaveProperty('server');
    expect(answer.headers).not.toHaveProperty('x-powered-by');
    const digest = await must('curl', [
      '-sI',
      '-H',
      'accept: application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json',
      `http://${registry.address}/v2/httpd/manifests/1`,
    ]);
    expect(made.release.imageDigest).toBe(/docker-content-digest: (\S+)/i.exec(digest)?.[1]);
    expect((await run('sh', ['-c', made.app.curl])).stdout).toContain('version=1');
  });

  it('HTTP goes to HTTPS, path and query kept', async () => {
    const answer = await web({ secure: false, path: '/a?b=1' });
    expect([301, 308]).toContain(answer.status);
    expect(answer.headers['location']).toBe(`https://${hostName(world(), 'web')}/a?b=1`);
  });

  it('the app sees no root, and the ingress rule of its NetworkPolicy still names namespace and pod together', async () => {
    expect((await web()).body).not.toContain('uid=0');
    const from = await world().main.sh(
      `k3s kubectl -n default-production get networkpolicy web-ingress -o jsonpath='{.spec.ingress[0].from}'`,
    );
    expect(JSON.parse(from)).toEqual([
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kipper-ingress' } },
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'traefik' } },
      },
    ]);
  });

  it('a second deploy of the same image says which release it is and the old pods serve until it is available', async () => {
    const { kip, main, registry } = world();
    const asking = askOnAndOn(main.address, hostName(world(), 'web'));
    const said = await kip.must(['app', 'update', 'web', '--image', `${registry.address}/httpd:2`]);
    const { asked, failures, bodies } = await asking.stop();
    expect(said).toContain('2 (');
    expect(asked).toBeGreaterThan(20);
    expect(failures).toEqual([]);
    expect(bodies[0]).toContain('version=1');
    expect((await web()).body).toContain('version=2');
  });

  it('a tag that was moved rolls out on the next deploy, with its new digest', async () => {
    const { kip, registry } = world();
    const first = await kip.json<AppJson>(deploy(world(), 'web', 'httpd:2'));
    const moved = await registry.push('httpd-1.tar', 'httpd:2');
    const second = await kip.json<AppJson>(deploy(world(), 'web', 'httpd:2'));
    await registry.push('httpd-2.tar', 'httpd:2');
    expect(second.release.imageDigest).not.toBe(first.release.imageDigest);
    expect(moved).toContain(second.release.imageDigest ?? 'none');
    expect((await web()).body).toContain('version=1');
  });
}

/** Row S13: the three flags, each with its effect and back again. */
export function flagsPart(world: () => World): void {
  const web = (options = {}): Promise<Answer> => ask(world().main.address, hostName(world(), 'web'), options);
  const middlewares = () => world().main.sh('k3s kubectl -n default-production get middlewares.traefik.io -o name | sort');

  it('every client has its own bucket: two that ask too often both get 429 with Retry-After, a third is served', async () => {
    const { kip, lab, main } = world();
    await kip.must(deploy(world(), 'web', 'httpd:1', '--rate-limit', '20'));
    const others = [231, 232, 233].map((last) => `${lab.network.gateway.replace(/1$/, '')}${last}`);
    for (const address of others) await must('ip', ['address', 'add', `${address}/24`, 'dev', lab.network.bridge]);
    const flood = async (from: string) => (await Promise.all(Array.from({ length: 200 }, () => web({ from })))).map((answer) => answer);
    const [one = '', two = '', quiet = ''] = others;
    const answers = [await flood(one), await flood(two)];
    const calm = await web({ from: quiet });
    for (const address of others) await must('ip', ['address', 'del', `${address}/24`, 'dev', lab.network.bridge]);
    for (const part of answers) {
      const refused = part.filter((answer) => answer.status === 429);
      const served = part.filter((answer) => answer.status === 200).length;
      expect(served).toBeGreaterThanOrEqual(40);
      expect(refused.length).toBeGreaterThan(0);
      expect(Number(refused[0]?.headers['retry-after'])).toBeGreaterThanOrEqual(0);
      expect(refused[0]?.headers['x-frame-options']).toBe('SAMEORIGIN');
    }
    expect(calm.status).toBe(200);
    expect(
      JSON.parse(
        await main.sh(`k3s kubectl -n default-production get middleware.traefik.io web-rate-limit -o jsonpath='{.spec.rateLimit}'`),
      ),
    ).toMatchObject({ average: 20, burst: 40 });
  });

  it('--csp-allow widens the policy to just these domains, with advice on the second one that Google Fonts needs', async () => {
    const done = await world().kip(deploy(world(), 'web', 'httpd:1', '--csp-allow', 'fonts.googleapis.com,cdn.example.com'));
    expect(done.code).toBe(0);
    expect(done.stderr).toContain('fonts.gstatic.com');
    const sent = String((await web()).headers['content-security-policy']);
    expect(sent).toContain("script-src 'self' cdn.example.com fonts.googleapis.com;");
    expect(sent).toContain("default-src 'self';");
  });

  it('--no-security-headers takes the Middleware object away, and leaving the flag out brings it back', async () => {
    const { kip } = world();
    await kip.must(deploy(world(), 'web', 'httpd:1', '--no-security-headers'));
    expect(await middlewares()).toBe('middleware.traefik.io/web-rate-limit');
    const bare = await web();
    expect(bare.status).toBe(200);
    for (const name of Object.keys(sixHeaders)) expect(bare.headers).not.toHaveProperty(name);
    await kip.must(deploy(world(), 'web', 'httpd:1'));
    expect(await middlewares()).toBe('middleware.traefik.io/web-headers\nmiddleware.traefik.io/web-rate-limit');
    expect(await web()).toMatchObject({ status: 200, headers: sixHeaders });
  });
}

/** Row S17, D4: a rollout that cannot work says why, by name, while the old release serves. */
export function refusalsPart(world: () => World): void {
  const stillServing = async () => {
    const answer = await ask(world().main.address, hostName(world(), 'web'));
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('version=1');
  };

  it.each([
    ['an image that is not there', 'httpd:nowhere', 'image_pull', /nowhere/],
    ['a program that ends at once', 'crash:1', 'crash_loop', /crash|exit|restart/i],
    ['an image that wants root', 'httpd-root:1', 'root_refused', /--allow-root/],
  ])('%s: the run fails with its reason, and the old release serves on', async (_, image, reason, words) => {
    const beganMs = Date.now();
    const done = await world().kip(deploy(world(), 'web', image));
    world().notes.set(`refusal ${image}`, `${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
    expect(done.code).toBe(9);
    expect(done.stderr).toMatch(words);
    expect(await latestRun(world())).toMatchObject({ state: 'failed', fault: { code: 'step_failed', reason } });
    await stillServing();
  });

  it('with --allow-root it runs, the API’s warnings are shown, and a Finding says so', async () => {
    const { kip, main } = world();
    const done = await kip(deploy(world(), 'rooted', 'httpd-root:1', '--allow-root'));
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(`${done.stderr}${done.stdout}`).toMatch(/would violate PodSecurity "restricted/);
    expect((await ask(main.address, hostName(world(), 'rooted'))).body).toContain('uid=0');
    const { findings } = await kip.json<{ findings: { title: string; appId?: string | null }[] }>(['server', 'show', 'main']);
    expect(findings.map((finding) => finding.title).join('\n')).toMatch(/root/);
  });
}
