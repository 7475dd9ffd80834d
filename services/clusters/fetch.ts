import { lookup } from 'node:dns';
import { request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Fault } from '../../core/fault.ts';
import { mayReach } from '../../core/targets.ts';

export interface FetchRules {
  /** KIPPER_TARGETS. */
  targets: 'any' | 'public';
  /** Tests give their own authority. */
  ca?: string;
  /** Sent to the first host only: a redirect to another one goes without them. */
  headers?: Record<string, string> | undefined;
  method?: 'GET' | 'HEAD';
}

const maxRedirects = 5;
const idleMs = 60_000;

/** Whether artefacts may come from an address, by KIPPER_TARGETS. An IPv4 address written as IPv6 counts as what it is. */
export function mayFetchFrom(address: string, targets: FetchRules['targets']): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return mayReach({ text: parsed.toString(), range: parsed.range() }, targets);
}

/** Opens an https URL, following redirects; every hop is https and its resolved address is checked at connect, so that no name can be swapped. */
export async function openUrl(url: string, rules: FetchRules): Promise<IncomingMessage> {
  let target = url;
  let { headers } = rules;
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const answer = await ask(demandHttps(target, rules), { ...rules, headers });
    const status = answer.statusCode ?? 0;
    const location = answer.headers.location;
    if (status >= 300 && status < 400 && location !== undefined) {
      answer.destroy();
      const next = new URL(location, target);
      // A registry's token is for the registry, not for the store it sends us to.
      if (next.host !== new URL(target).host) headers = undefined;
      target = next.href;
      continue;
    }
    if (status === 200) return answer;
    answer.destroy();
    throw refused(target, `it answered ${status}`);
  }
  throw refused(url, `it redirects more than ${maxRedirects} times`);
}

/** A small text, such as a checksum file; a larger one is refused. */
export async function readText(url: string, rules: FetchRules, maxBytes = 1024 * 1024): Promise<string> {
  const answer = await openUrl(url, rules);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw refused(url, `it is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function demandHttps(text: string, rules: FetchRules): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'https:') throw refused(text, 'only https is followed');
  if (url.username !== '' || url.password !== '') throw refused(text, 'an address with a password in it is not used');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !mayFetchFrom(host, rules.targets)) throw forbidden(host);
  return url;
}

function ask(url: URL, rules: FetchRules): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method: rules.method ?? 'GET',
    lookup: guardedLookup(rules.targets),
    timeout: idleMs,
    headers: { 'user-agent': 'kipper', ...rules.headers },
    ...(rules.ca === undefined ? {} : { ca: rules.ca }),
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, options, resolve);
    asked.on('timeout', () => asked.destroy(new Error('it stopped answering')));
    asked.on('error', (error) => reject(error instanceof Fault ? error : refused(url.href, error.message)));
    asked.end();
  });
}

function guardedLookup(targets: FetchRules['targets']): LookupFunction {
  return (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, []);
      const allowed = found.filter((one) => mayFetchFrom(one.address, targets));
      if (allowed.length === 0) return done(forbidden(host), []);
      const first = allowed[0];
      if (options.all === true || first === undefined) return done(null, allowed);
      return done(null, first.address, first.family);
    });
  };
}

function forbidden(host: string): Fault {
  return new Fault('invalid_input', {
    message: `${shown(host)} is at an address that this control plane may not reach`,
    reason: 'target_forbidden',
    hint: 'set KIPPER_TARGETS=any to allow private addresses, or use a public one',
  });
}

function refused(url: string, why: string): Fault {
  return new Fault('unavailable', {
    message: `${shown(url)} cannot be fetched: ${why}`.slice(0, 500),
    reason: 'artefact_unreachable',
    hint: 'check the network of the control plane, or give the file with KIPPER_ARTIFACTS',
  });
}

/** Without user, query and control characters: a signed address is a secret. */
function shown(url: string): string {
  if (!URL.canParse(url)) return url.replaceAll(/[^\x21-\x7e]/g, '?').slice(0, 100);
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`.slice(0, 200);
}
