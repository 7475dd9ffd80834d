import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ownCertificate } from './certificate.ts';
import { supervise, type Part, type Supervised } from './supervise.ts';

const usage = `usage: bin/up [--data DIR] [--listen HOST:PORT] [--public https://HOST:PORT] [--workers N] [--setup-link]

  --data DIR      where everything is kept (default ./data, or KIPPER_DATA)
  --listen        address of the API (default 127.0.0.1:8700)
  --public        the address that servers and people reach; makes a self-signed certificate and listens there
  --workers N     worker processes, 1 to 16 (default 1)
  --setup-link    print another one-time setup link, while no person exists, and end
`;

type Environment = Record<string, string | undefined>;

/** Small heaps: an idle control plane and worker need little, and collecting earlier costs nothing there. */
const nodeFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4'];
const bundled = import.meta.url.endsWith('.mjs');
const program = fileURLToPath(new URL(bundled ? './kipper.mjs' : './kipper.ts', import.meta.url));

function wrongUse(text: string): never {
  process.stderr.write(`kipper: ${text}\n\n${usage}`);
  process.exit(2);
}

function say(text: string): void {
  process.stderr.write(`kipper: ${text}\n`);
}

function readWords() {
  try {
    return parseArgs({
      options: {
        data: { type: 'string' },
        listen: { type: 'string' },
        public: { type: 'string' },
        workers: { type: 'string' },
        'setup-link': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (thrown) {
    return wrongUse(thrown instanceof Error ? (thrown.message.split('. ')[0] ?? '') : '');
  }
}

function workersOf(text: string | undefined): number {
  if (text === undefined) return 1;
  if (!/^\d{1,2}$/.test(text) || Number(text) < 1 || Number(text) > 16) return wrongUse('--workers takes a number from 1 to 16');
  return Number(text);
}

/** The address of --public, and where to listen for it: on exactly that address where it is one of this machine. */
function publicAddress(text: string): { origin: string; host: string; listen: string } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'https:' || url.pathname !== '/' || url.search !== '' || url.username !== '')
    return wrongUse('--public takes https://HOST:PORT');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? '443' : url.port;
  const ours = Object.values(networkInterfaces()).flatMap((each) => each?.map((entry) => entry.address) ?? []);
  const anywhere = ours.some((address) => isIP(address) === 6) ? '[::]' : '0.0.0.0';
  const bind = ours.includes(host) ? (isIP(host) === 6 ? `[${host}]` : host) : anywhere;
  return { origin: url.origin, host, listen: `${bind}:${port}` };
}

function environmentOf(words: ReturnType<typeof readWords>): Environment {
  const data = resolve(words.data ?? process.env['KIPPER_DATA'] ?? './data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const environment: Environment = { ...process.env, KIPPER_DATA: data };
  if (words.public !== undefined) {
    const { origin, host, listen } = publicAddress(words.public);
    environment['KIPPER_URL'] = origin;
    environment['KIPPER_LISTEN'] = listen;
    if (environment['KIPPER_TLS_CERT'] === undefined) {
      const certificate = ownCertificate(data, host);
      environment['KIPPER_TLS_CERT'] = certificate.certFile;
      environment['KIPPER_TLS_KEY'] = certificate.keyFile;
      say(`serving ${origin} with a certificate of our own; its pin is ${certificate.pin}`);
    }
  }
  if (words.listen !== undefined) {
    environment['KIPPER_LISTEN'] = words.listen;
    if (words.public === undefined && environment['KIPPER_URL'] === undefined) environment['KIPPER_URL'] = `http://${words.listen}`;
  }
  return environment;
}

function redisPart(data: string): Part {
  mkdirSync(`${data}/redis`, { recursive: true, mode: 0o700 });
  const settings = {
    port: '0',
    unixsocket: `${data}/redis.sock`,
    unixsocketperm: '600',
    dir: `${data}/redis`,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
    loglevel: 'warning',
    logfile: 'redis.log',
  };
  // flock: a second Kipper on this folder would take the socket away from the first.
  const command = [
    'flock',
    '--nonblock',
    '--no-fork',
    '--conflict-exit-code',
    '75',
    `${data}/redis/lock`,
    'redis-server',
    ...Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
  ];
  return { name: 'redis', command, environment: process.env, stopMs: 5_000 };
}

function start(environment: Environment, workers: number): void {
  const keys = Array.from({ length: workers }, () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return { pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), publicKey: privateKey.export({ format: 'jwk' }).x ?? '' };
  });
  const data = environment['KIPPER_DATA'] ?? '';
  const node = [process.execPath, ...nodeFlags, program];
  const wanted = environment['KIPPER_REDIS_URL'] === undefined ? [[redisPart(data)]] : [];
  wanted.push([
    {
      name: 'control plane',
      command: [...node, 'serve', '--workers-fd', '3'],
      environment,
      secret: keys.map((key) => `${key.publicKey}\n`).join(''),
      stopMs: 8_000,
    },
  ]);
  wanted.push(
    keys.map((key, at) => ({
      name: workers === 1 ? 'worker' : `worker ${at + 1}`,
      command: [...node, 'work', '--identity-fd', '3'],
      environment,
      secret: key.pem,
      stopMs: 12_000,
    })),
  );
  const groups: Supervised[][] = [];
  let ending: Promise<void> | null = null;
  const end = (code: number) => {
    ending ??= stopInOrder(groups).then(() => process.exit(code));
  };
  const refused = (part: Part, code: number) => {
    if (part.name === 'redis' && code === 75)
      say(`another Kipper uses the data folder ${data}; stop it first, or name another folder with --data`);
    end(code === 75 ? 6 : code);
  };
  for (const group of wanted) groups.push(group.map((part) => supervise(part, say, refused)));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (ending !== null) for (const each of groups.flat()) each.kill();
      end(0);
    });
  }
}

/** Workers first, so that what they hold is recorded; redis last. */
async function stopInOrder(groups: Supervised[][]): Promise<void> {
  for (const group of groups.toReversed()) await Promise.all(group.map((each) => each.stop()));
}

function demandTools(): void {
  for (const tool of ['setpriv', 'flock']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined) wrongUse(`${tool} is missing; install util-linux`);
  }
}

process.umask(0o077);
const words = readWords();
if (words.help === true) {
  process.stdout.write(usage);
  process.exit(0);
}
const workers = workersOf(words.workers);
const environment = environmentOf(words);
if (words['setup-link'] === true) {
  try {
    execFileSync(process.execPath, [...nodeFlags, program, 'admin', 'setup-link'], { stdio: 'inherit', env: environment });
    process.exit(0);
  } catch (thrown) {
    process.exit(
      typeof thrown === 'object' && thrown !== null && 'status' in thrown && typeof thrown.status === 'number' ? thrown.status : 1,
    );
  }
}
demandTools();
start(environment, workers);
