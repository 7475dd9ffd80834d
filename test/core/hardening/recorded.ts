import { readFileSync } from 'node:fs';
import { parseSections } from '../../../core/probe.ts';
import { parseServer, type ServerFacts } from '../../../core/server/facts.ts';

const folder = new URL('../../golden/hardening/', import.meta.url);

export const recordings = [
  'bare',
  'keys-only',
  'password-root',
  'ufw-foreign',
  'firewalld',
  'nft',
  'iptables',
  'socket',
  'no-include',
] as const;
export type Recording = (typeof recordings)[number];

export function probeOf(name: Recording): string {
  return readFileSync(new URL(`${name}.probe.txt`, folder), 'utf8');
}

/** Facts of a real Debian 12 host, recorded by the real probe. */
export function factsOf(name: Recording): ServerFacts {
  return parseServer(parseSections(probeOf(name)));
}

export function goldenFile(name: Recording): string {
  return new URL(`${name}.plan.txt`, folder).pathname;
}
