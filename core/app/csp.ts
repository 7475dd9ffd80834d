import { z } from 'zod';

/**
 * A host source of CSP Level 3, §2.3.1, in the part we allow: `[https://|wss://][*.]host[:port]`. Letters, digits, dots and hyphens
 * only, so that no entry can end a directive or a header line.
 */
const hostSource =
  /^(?:(?:https|wss):\/\/)?(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])(?::[1-9][0-9]{0,4})?$/;

export const cspSource = z
  .string()
  .max(253)
  .transform((text) => text.trim().toLowerCase())
  .refine(
    (text) => hostSource.test(text) && portFits(text),
    'use a domain such as fonts.googleapis.com, *.example.com or wss://live.example.com:8443',
  )
  .refine((text) => !/^(?:[a-z]+:\/\/)?\*\.[^.]+$/.test(text), 'a wildcard needs a domain of its own, not a whole top-level domain');

function portFits(source: string): boolean {
  const found = /:(\d+)$/.exec(source)?.[1];
  return found === undefined || Number(found) <= 65535;
}

/** What the seed names: each allowed domain joins these four directives. */
const widened = ['style-src', 'font-src', 'script-src', 'connect-src'] as const;

/** The policy of an app: everything from itself, the allowlist where a page loads things from. One line, at most a few KB. */
export function contentSecurityPolicy(allow: readonly string[]): string {
  const extra = [...new Set(allow)].sort();
  const directives: Record<string, string[]> = {
    'default-src': ["'self'"],
    'script-src': ["'self'"],
    'style-src': ["'self'"],
    'img-src': ["'self'", 'data:'],
    'font-src': ["'self'"],
    'connect-src': ["'self'"],
    'object-src': ["'none'"],
    'base-uri': ["'self'"],
    'form-action': ["'self'"],
    'frame-ancestors': ["'self'"],
  };
  for (const name of widened) directives[name] = [...(directives[name] ?? []), ...extra];
  return Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources.join(' ')}`)
    .join('; ');
}

/** Advice that goes with an allowlist, such as the second domain that Google Fonts needs. */
export function cspAdvice(allow: readonly string[]): string[] {
  const advice: string[] = [];
  if (allow.includes('fonts.googleapis.com') && !allow.includes('fonts.gstatic.com')) {
    advice.push('fonts.googleapis.com serves style sheets only; the font files come from fonts.gstatic.com: add it too');
  }
  return advice;
}
