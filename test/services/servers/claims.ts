import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { sshPublicBlob } from '../../../services/vault/serverkey.ts';

export function hostKeyLine(): string {
  const raw = Buffer.from(generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return `ssh-ed25519 ${sshPublicBlob(raw).toString('base64')}`;
}

/** What the script of a machine would send, but the token. */
export function machine(parts: object = {}) {
  return {
    machineId: randomBytes(16).toString('hex'),
    bootId: randomUUID() as string,
    sshPorts: [22],
    hostKeys: [hostKeyLine()],
    facts: {
      ...{ hostname: 'web', os: 'debian', release: '12', arch: 'x86_64' as const, kernel: '6.1.0', virtualization: 'kvm' },
      ...{
        memoryKb: 4_000_000,
        diskFreeKb: 20_000_000,
        cpus: 2,
        clockSeconds: 1_768_478_400,
        addresses: ['192.0.2.7/24'],
        notes: [] as string[],
      },
    },
    ...parts,
  };
}
