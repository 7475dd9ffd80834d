import { createPrivateKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SignJWT } from 'jose';
import { Fault } from '../core/fault.ts';

export interface Identity {
  /** base64url of the 32 bytes of the Ed25519 public key. */
  publicKey: string;
  /** A claim on one run: a JWT of 60 s. */
  claim(runId: string): Promise<string>;
}

/** From the file descriptor that a supervisor opened for us: PKCS #8 PEM. */
export function identityFromFd(fd: number): Identity {
  return identityOf(createPrivateKey(readFileSync(fd, 'utf8')));
}

/** From a file of ours, 0600, made when it is missing; the public half is put beside it for the control plane to register. */
export function identityFromFile(file: string): Identity {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' });
  }
  if ((statSync(file).mode & 0o077) !== 0)
    throw new Fault('invalid_input', {
      message: `the worker's key file ${file} can be read by others`,
      field: 'KIPPER_WORKER_KEY',
      hint: `chmod 600 ${file}`,
    });
  const identity = identityOf(createPrivateKey(readFileSync(file, 'utf8')));
  const published = file.replace(/\.key$/, '.pub');
  if (published !== file) writeFileSync(published, `${identity.publicKey}\n`);
  return identity;
}

function identityOf(key: KeyObject): Identity {
  const publicKey = key.export({ format: 'jwk' }).x ?? '';
  return {
    publicKey,
    claim: (runId) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT' })
        .setIssuer(publicKey)
        .setSubject(runId)
        .setAudience('kipper-run')
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime('60s')
        .sign(key),
  };
}
