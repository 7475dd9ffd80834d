import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Fault } from '../../core/fault.ts';
import type { Redacted } from '../../core/redacted.ts';

/** Which row and field a sealed value belongs to: associated data, so that a value copied elsewhere does not open. */
export interface Place {
  row: string;
  field: string;
}

export interface Vault {
  seal(plain: Buffer, place: Place): Buffer;
  /** Throws a Fault `internal` (reason `decryption_failed`) when anything differs. */
  open(sealed: Buffer, place: Place): Buffer;
  /** The same value under another key-encryption key. */
  reseal(sealed: Buffer, place: Place, to: Vault): Buffer;
}

const version = 1;

/**
 * Envelope encryption: a fresh 256-bit data key per value, both layers AES-256-GCM (NIST SP 800-38D) with random
 * 96-bit nonces. Layout: version, key nonce 12, sealed key 32, key tag 16, nonce 12, tag 16, ciphertext.
 */
export function makeVault(keyEncryptionKey: Redacted<Buffer>): Vault {
  const kek = keyEncryptionKey.reveal();
  if (kek.length !== 32) throw new TypeError('vault: the key-encryption key has 32 bytes');
  const vault: Vault = {
    seal(plain, place) {
      const dataKey = randomBytes(32);
      const aad = associated(place);
      const sealedKey = encrypt(kek, dataKey, aad);
      const sealedValue = encrypt(dataKey, plain, aad);
      return Buffer.concat([
        Buffer.of(version),
        sealedKey.nonce,
        sealedKey.text,
        sealedKey.tag,
        sealedValue.nonce,
        sealedValue.tag,
        sealedValue.text,
      ]);
    },
    open(sealed, place) {
      if (sealed.length < 89 || sealed[0] !== version) throw failed(place);
      const aad = associated(place);
      try {
        const dataKey = decrypt(kek, sealed.subarray(1, 13), sealed.subarray(13, 45), sealed.subarray(45, 61), aad);
        return decrypt(dataKey, sealed.subarray(61, 73), sealed.subarray(89), sealed.subarray(73, 89), aad);
      } catch {
        throw failed(place);
      }
    },
    reseal: (sealed, place, to) => to.seal(vault.open(sealed, place), place),
  };
  return vault;
}

function associated(place: Place): Buffer {
  return Buffer.from(`kipper\0${place.row}\0${place.field}`);
}

function encrypt(key: Buffer, plain: Buffer, aad: Buffer): { nonce: Buffer; text: Buffer; tag: Buffer } {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return { nonce, text, tag: cipher.getAuthTag() };
}

function decrypt(key: Buffer, nonce: Buffer, text: Buffer, tag: Buffer, aad: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 }).setAAD(aad).setAuthTag(tag);
  return Buffer.concat([decipher.update(text), decipher.final()]);
}

function failed(place: Place): Fault {
  return new Fault('internal', {
    message: `the stored ${place.field} cannot be decrypted`,
    reason: 'decryption_failed',
    hint: 'nothing was changed; check that KIPPER_KEY_FILE is the key that this database was made with',
  });
}
