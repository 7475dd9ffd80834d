import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fault } from '../../../core/fault.ts';
import { archiveName, artefactEntry, builtInArtefacts, chooseArtefacts } from '../../../core/k3s/catalogue.ts';
import { entriesOfFile } from '../../../services/clusters/catalogue.ts';
import { mayFetchFrom, openUrl, readText } from '../../../services/clusters/fetch.ts';
import { publishedDigest } from '../../../services/clusters/published.ts';
import { clearParts, ensureStored } from '../../../services/clusters/store.ts';
import { makeCertificates } from '../../support/kube-server.ts';

const port = (of: Server): number => (of.address() as AddressInfo).port;
const content = Buffer.alloc(300_000, 'k');
const digest = createHash('sha256').update(content).digest('hex');
const made = makeCertificates();
let server: Server;
let other: Server;
let base: string;
let dir: string;
let hits = 0;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kipper-store-'));
  server = createServer({ key: made.serverKey, cert: made.serverCert }, (request, response) => {
    hits += 1;
    const { pathname } = new URL(request.url ?? '/', 'https://x');
    if (pathname === '/k3s') return void response.end(content);
    if (pathname === '/cut') {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 1000));
      return void setTimeout(() => response.destroy(), 20);
    }
    if (pathname === '/to-metadata') return void response.writeHead(302, { location: 'https://169.254.169.254/latest' }).end();
    if (pathname === '/to-plain') return void response.writeHead(302, { location: 'http://127.0.0.1/k3s' }).end();
    if (pathname === '/to-other') return void response.writeHead(302, { location: `https://127.0.0.1:${port(other)}/show` }).end();
    if (pathname === '/to-same') return void response.writeHead(302, { location: '/show' }).end();
    if (pathname === '/show') return void response.end(request.headers.authorization ?? 'none');
    if (pathname === '/round') return void response.writeHead(302, { location: '/round' }).end();
    if (pathname === '/sums') return void response.end(`${'0'.repeat(64)}  k3s-arm64\n${digest}  k3s\n`);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  other = createServer({ key: made.serverKey, cert: made.serverCert }, (request, response) =>
    response.end(request.headers.authorization ?? 'none'),
  );
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  base = `https://127.0.0.1:${port(server)}`;
});
afterAll(async () => {
  server.closeAllConnections();
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

const ctx = (name: string, targets: 'any' | 'public' = 'any') =>
  ({ config: { dataDir: join(dir, name), targets } }) as Parameters<typeof ensureStored>[0];
const left = (name: string): string[] => {
  try {
    return readdirSync(join(dir, name, 'artefacts'));
  } catch {
    return [];
  }
};
const faultOf = async (promise: Promise<unknown>): Promise<Fault> => {
  const thrown: unknown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(Fault);
  return thrown as Fault;
};

describe('the store', () => {
  test('fetches once for many who ask at the same time, and then never again', async () => {
    const before = hits;
    const wanted = { name: 'k3s', url: `${base}/k3s`, sha256: digest, bytes: content.length };
    const sizes = await Promise.all([1, 2, 3].map(() => ensureStored(ctx('once'), wanted, made.ca)));
    expect(await ensureStored(ctx('once'), wanted, made.ca)).toBe(content.length);
    expect([sizes, hits - before]).toEqual([[content.length, content.length, content.length], 1]);
    expect(readFileSync(join(dir, 'once', 'artefacts', digest)).equals(content)).toBe(true);
  });

  test.each([
    ['another digest', { url: '/k3s', sha256: 'f'.repeat(64), bytes: content.length }, /its sha256 is/],
    ['more bytes than announced', { url: '/k3s', sha256: digest, bytes: 10 }, /larger than announced/],
    ['fewer bytes than announced', { url: '/k3s', sha256: digest, bytes: content.length + 1 }, /ended after/],
  ])('%s is refused and nothing is kept', async (name, { url, ...rest }, message) => {
    const fault = await faultOf(ensureStored(ctx(name), { name: 'k3s', url: base + url, ...rest }, made.ca));
    expect(fault).toMatchObject({ code: 'conflict', reason: 'artefact_differs' });
    expect(fault.message).toMatch(message);
    expect(left(name)).toEqual([]);
  });

  test('a connection that breaks off leaves nothing behind, and the next try works', async () => {
    await expect(
      ensureStored(ctx('cut'), { name: 'k3s', url: `${base}/cut`, sha256: digest, bytes: content.length }, made.ca),
    ).rejects.toThrow();
    expect(left('cut')).toEqual([]);
    expect(await ensureStored(ctx('cut'), { name: 'k3s', url: `${base}/k3s`, sha256: digest, bytes: null }, made.ca)).toBe(content.length);
  });

  test('a file of the KIPPER_ARTIFACTS list is checked the same way', async () => {
    const file = join(dir, 'local');
    writeFileSync(file, content);
    expect(await ensureStored(ctx('file'), { name: 'k3s', url: pathToFileURL(file).href, sha256: digest, bytes: content.length })).toBe(
      content.length,
    );
    expect(
      await faultOf(ensureStored(ctx('file'), { name: 'k3s', url: 'file:///nowhere/k3s', sha256: 'e'.repeat(64), bytes: null })),
    ).toMatchObject({ reason: 'artefact_unreachable' });
  });
});

describe('T66 addresses that must not be fetched', () => {
  test.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    'fe80::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    '100.100.100.200',
    '168.63.129.16',
    'fd00:ec2::254',
    'nonsense',
    '',
  ])('%s never', (address) => {
    expect(mayFetchFrom(address, 'any')).toBe(false);
  });

  test.each(['127.0.0.1', '10.0.0.1', '192.168.1.1', '::1', 'fd12::1', '::ffff:10.0.0.1'])(
    '%s only where private targets are allowed',
    (address) => {
      expect([mayFetchFrom(address, 'any'), mayFetchFrom(address, 'public')]).toEqual([true, false]);
    },
  );

  test.each([
    'http://example.com/k3s',
    'https://user:secret@example.com/k3s',
    'https://127.0.0.1/k3s',
    'https://0x7f000001/k3s',
    'https://2130706433/k3s',
    'https://[::ffff:127.0.0.1]/k3s',
    'https://localhost/k3s',
    'ftp://example.com/k3s',
    'file:///etc/shadow',
    'not a url\r\nHost: x',
  ])('%s is refused before a byte is sent', async (url) => {
    const fault = await faultOf(openUrl(url, { targets: 'public' }));
    expect(['target_forbidden', 'artefact_unreachable']).toContain(fault.reason);
    expect(JSON.stringify(fault.view())).not.toMatch(/secret@|\r|\n/);
  });

  test('a redirect to the metadata address, to plain http or in circles is not followed', async () => {
    const rules = { targets: 'any' as const, ca: made.ca };
    expect(await faultOf(openUrl(`${base}/to-metadata`, rules))).toMatchObject({ reason: 'target_forbidden' });
    expect((await faultOf(openUrl(`${base}/to-plain`, rules))).message).toMatch(/only https/);
    expect((await faultOf(openUrl(`${base}/round`, rules))).message).toMatch(/redirects more than/);
  });

  test('what is sent to one host is not sent to another that it redirects to', async () => {
    const rules = { targets: 'any', ca: made.ca, headers: { authorization: 'Bearer registry' } } as const;
    expect(await readText(`${base}/to-same`, rules)).toBe('Bearer registry');
    expect(await readText(`${base}/to-other`, rules)).toBe('none');
  });

  test('what an ended control plane left of a download goes at the next start', async () => {
    const wanted = { name: 'k3s', url: `${base}/k3s`, sha256: digest, bytes: content.length };
    await ensureStored(ctx('parts'), wanted, made.ca);
    writeFileSync(join(dir, 'parts/artefacts', `${'0'.repeat(64)}.1.part`), 'half');
    await clearParts(join(dir, 'parts'));
    expect(left('parts')).toEqual([digest]);
    await clearParts(join(dir, 'nowhere'));
  });

  test('a small text has an end', async () => {
    expect((await faultOf(readText(`${base}/k3s`, { targets: 'any', ca: made.ca }, 1000))).message).toMatch(/larger than 1000/);
  });
});

describe('the catalogue', () => {
  test('the published digest is the line of this very file', async () => {
    const entry = artefactEntry.parse({
      name: 'k3s',
      version: 'v1.36.4+k3s1',
      arch: 'amd64',
      url: `${base}/k3s`,
      sumsUrl: `${base}/sums`,
      sha256: null,
      bytes: null,
    });
    expect(await publishedDigest(entry, { targets: 'any', ca: made.ca })).toBe(digest);
    const other = { ...entry, url: `${base}/k3s-arm` };
    expect(await faultOf(publishedDigest(other, { targets: 'any', ca: made.ca }))).toMatchObject({ code: 'unavailable' });
  });

  test('built-in entries fit their own schema, and a + in a tag is written as %2B', () => {
    for (const entry of builtInArtefacts) expect(artefactEntry.parse(entry)).toEqual(entry);
    expect(builtInArtefacts[0]?.url).toContain('%2Bk3s1/k3s');
  });

  test('entries of the file stand before the built-in ones, one for each name; archives keep their ending', () => {
    const own = artefactEntry.parse({
      name: 'k3s',
      version: 'v1.36.3+k3s1',
      arch: 'amd64',
      url: 'file:///x/k3s',
      sha256: digest,
      bytes: 5,
    });
    const extra = artefactEntry.parse({
      name: 'coredns',
      version: 'v1.2.3',
      arch: 'amd64',
      url: 'file:///x/coredns.tar.gz',
      sha256: digest,
      bytes: 5,
    });
    const chosen = chooseArtefacts('amd64', [own, extra]);
    expect(chosen.map((one) => [one.name, one.version])).toEqual([
      ['k3s', 'v1.36.3+k3s1'],
      ['coredns', 'v1.2.3'],
      ['k3s-airgap-images', 'v1.36.4+k3s1'],
      ['traefik-image', 'v3.7.13'],
    ]);
    expect([archiveName(own), archiveName(extra)]).toEqual([undefined, 'coredns.tar.gz']);
  });

  test.each([
    ['not JSON', '{'],
    ['an unknown field', '{"artefacts":[],"x":1}'],
    [
      'an http address',
      JSON.stringify({ artefacts: [{ name: 'k3s', version: 'v1.2.3', arch: 'amd64', url: 'http://x/k3s', sha256: null, bytes: null }] }),
    ],
    [
      'a digest that is none',
      JSON.stringify({ artefacts: [{ name: 'k3s', version: 'v1.2.3', arch: 'amd64', url: 'https://x/k3s', sha256: 'abc', bytes: null }] }),
    ],
    [
      'a name with a path in it',
      JSON.stringify({
        artefacts: [{ name: '../k3s', version: 'v1.2.3', arch: 'amd64', url: 'https://x/k3s', sha256: null, bytes: null }],
      }),
    ],
  ])('a KIPPER_ARTIFACTS file with %s is refused by name', (_, text) => {
    const file = join(dir, 'list.json');
    writeFileSync(file, text);
    expect(() => entriesOfFile({ artifactsFile: file })).toThrow(/KIPPER_ARTIFACTS/);
  });
});
