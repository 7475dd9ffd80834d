import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { enrolmentScript } from '../../bootstrap/enrol.ts';
import { Fault } from '../../core/fault.ts';
import type { Config } from '../config.ts';

export interface ScriptParts {
  url: string;
  enrolmentId: string;
  serverName: string;
  publicKey: string;
}

/** The script of an enrolment and its SHA-256. Made anew each time: nothing of it is stored. */
export function scriptOf(config: Config, parts: ScriptParts): { text: string; sha256: string } {
  const text = enrolmentScript({ ...parts, pin: certificatePin(config) });
  return { text, sha256: createHash('sha256').update(text).digest('hex') };
}

/**
 * The pin of a certificate that no public authority signed, `sha256//…` over its public key (RFC 7469 2.4); null when the
 * certificate leads to a public root or somebody else serves TLS for us.
 */
export function certificatePin(config: Config): string | null {
  if (config.tls === null) return null;
  const chain = readChain(config.tls.certFile);
  const [leaf] = chain;
  const last = chain.at(-1);
  if (leaf === undefined || last === undefined)
    throw new Fault('internal', { message: 'the certificate of the control plane cannot be read', hint: 'check KIPPER_TLS_CERT' });
  if (leadsToPublicRoot(last)) return null;
  const key = leaf.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(key).digest('base64')}`;
}

/** Parsed and serialised again: nothing of the file but certificates gets through (T12). */
function readChain(file: string): X509Certificate[] {
  const blocks = readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

function leadsToPublicRoot(last: X509Certificate): boolean {
  return rootCertificates.some((text) => {
    const root = new X509Certificate(text);
    return root.fingerprint256 === last.fingerprint256 || (last.checkIssued(root) && last.verify(root.publicKey));
  });
}
