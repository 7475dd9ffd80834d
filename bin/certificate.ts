import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';

export interface OwnCertificate {
  certFile: string;
  keyFile: string;
  /** As curl's --pinnedpubkey takes it. */
  pin: string;
}

const keepDays = 30;

/** A self-signed certificate for a host name or address, in the data folder; kept while it is good, so that its pin stays. */
export function ownCertificate(dataDir: string, host: string): OwnCertificate {
  const folder = `${dataDir}/tls`;
  const name = host.replaceAll(/[^0-9a-zA-Z.-]/g, '_');
  const pair = { certFile: `${folder}/${name}.crt`, keyFile: `${folder}/${name}.key` };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(pair.certFile) || !existsSync(pair.keyFile)) makeKey(pair.keyFile);
  if (!isGood(pair.certFile)) makeCertificate(pair, host);
  const spki = new X509Certificate(readFileSync(pair.certFile)).publicKey.export({ type: 'spki', format: 'der' });
  return { ...pair, pin: `sha256//${createHash('sha256').update(spki).digest('base64')}` };
}

function isGood(file: string): boolean {
  if (!existsSync(file)) return false;
  return new X509Certificate(readFileSync(file)).validToDate.getTime() > Date.now() + keepDays * 86_400_000;
}

function makeKey(keyFile: string): void {
  openssl(['genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', keyFile]);
}

function makeCertificate(pair: { certFile: string; keyFile: string }, host: string): void {
  const kind = isIP(host) === 0 ? 'DNS' : 'IP';
  const names = [...new Set([`${kind}:${host}`, 'DNS:localhost', 'IP:127.0.0.1', 'IP:::1'])].join(',');
  openssl([
    'req',
    '-x509',
    '-new',
    '-key',
    pair.keyFile,
    '-out',
    pair.certFile,
    '-days',
    '825',
    '-subj',
    '/CN=Kipper',
    '-addext',
    `subjectAltName=${names}`,
    '-addext',
    'extendedKeyUsage=serverAuth',
  ]);
}

function openssl(words: string[]): void {
  execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
