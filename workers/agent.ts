import ssh2 from 'ssh2';
import type { IdentityCallback, ParsedKey, SignCallback, SigningRequestOptions } from 'ssh2';
import { Fault } from '../core/fault.ts';

/** Makes the signature of one SSH2_MSG_USERAUTH_REQUEST, in SSH wire format (RFC 4253, 6.6). */
export type Sign = (challenge: Uint8Array) => Promise<Uint8Array>;

/** An ssh2 agent whose one private key stays in the control plane. Keeps the Fault of a refused signature. */
export class RemoteAgent extends ssh2.BaseAgent<ParsedKey> {
  refusal: unknown;
  readonly #key: ParsedKey;
  readonly #sign: Sign;

  constructor(publicKey: string, sign: Sign) {
    super();
    const key = ssh2.utils.parseKey(publicKey);
    if (key instanceof Error || key.type !== 'ssh-ed25519')
      throw new Fault('internal', { message: "this server's key is no Ed25519 key", cause: key });
    this.#key = key;
    this.#sign = sign;
  }

  override getIdentities(callback: IdentityCallback<ParsedKey>): void {
    callback(undefined, [this.#key]);
  }

  override sign(_key: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, callback?: SignCallback): void {
    const done = typeof options === 'function' ? options : callback;
    void this.#answer(data, done);
  }

  async #answer(data: Buffer, done: SignCallback | undefined): Promise<void> {
    try {
      const signature = rawSignature(await this.#sign(data));
      done?.(undefined, signature);
    } catch (thrown) {
      this.refusal = thrown;
      done?.(new Error('the control plane did not sign', { cause: thrown }));
    }
  }
}

/** ssh2 wants the 64 bytes alone and adds the format name itself. */
function rawSignature(wire: Uint8Array): Buffer {
  const bytes = Buffer.from(wire);
  const name = Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x40', 'latin1');
  if (bytes.length !== name.length + 64 || !bytes.subarray(0, name.length).equals(name)) {
    throw new Fault('internal', 'the control plane answered with something that is no Ed25519 signature');
  }
  return bytes.subarray(name.length);
}
