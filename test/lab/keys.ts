import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, folder } from './paths.ts';
import { must } from './shell.ts';

export interface Login {
  /** Private key file that root, ops and plain accept. */
  identity: string;
  publicKey: string;
  /** Password of ops and plain, and of root in the variant password-root. */
  password: string;
}

export async function labLogin(): Promise<Login> {
  const place = folder(cacheFolder, 'login');
  const identity = join(place, 'id_ed25519');
  if (!existsSync(identity)) await must('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'kipper-lab', '-f', identity]);
  const secret = join(place, 'password');
  if (!existsSync(secret)) writeFileSync(secret, randomBytes(12).toString('base64url'), { mode: 0o600 });
  return { identity, publicKey: readFileSync(`${identity}.pub`, 'utf8').trim(), password: readFileSync(secret, 'utf8') };
}

export interface HostKey {
  publicKey: string;
  fingerprint: string;
}

/** Fresh keys in the host's own root, so that every host has its own identity. */
export async function makeHostKeys(root: string): Promise<HostKey> {
  for (const type of ['ed25519', 'ecdsa']) {
    const file = join(root, 'etc/ssh', `ssh_host_${type}_key`);
    await must('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'lab-host', '-f', file]);
  }
  const publicKey = readFileSync(join(root, 'etc/ssh/ssh_host_ed25519_key.pub'), 'utf8').trim();
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  const digest = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
  return { publicKey, fingerprint: `SHA256:${digest}` };
}
