import { z } from 'zod';
import { domainName, port } from '../names.ts';
import { cspSource } from './csp.ts';

/**
 * `[registry[:port]/]path[:tag][@sha256:digest]`, the grammar of OCI distribution names. Anchored, so nothing else can
 * travel along (T01, T05).
 */
export const imageReference = z
  .string()
  .max(512, 'an image name has at most 512 characters')
  .regex(
    /^(?:(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]{2,39}\])(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/,
    'use an image name such as registry.example.com/team/web:1.4.2',
  );

/** POSIX names of environment variables, wherever a key can come from (T06). */
export const environmentKey = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'use letters, digits and _, not beginning with a digit');

const environmentValue = z
  .string()
  .max(32 * 1024, 'a value has at most 32 KiB')
  .refine((text) => !text.includes('\0'), 'a value cannot hold a NUL byte');

const quantity = (pattern: RegExp, example: string) => z.string().regex(pattern, `use a quantity such as ${example}`);

const fields = {
  image: imageReference,
  port,
  replicas: z.number().int().min(0).max(50),
  env: z.record(environmentKey, environmentValue).refine((env) => Object.keys(env).length <= 200, 'an app has at most 200 variables'),
  /** Another host name than `<app>-<environment>.<cluster domain>`. */
  domain: domainName.nullable(),
  securityHeaders: z.boolean(),
  hstsIncludeSubdomains: z.boolean(),
  hstsPreload: z.boolean(),
  cspAllow: z.array(cspSource).max(50, 'the allowlist has at most 50 entries'),
  /** Requests per second and client; the burst is twice that. */
  rateLimit: z.number().int().min(1).max(100_000),
  allowRoot: z.boolean(),
  pull: z.boolean(),
  cpu: quantity(/^(?:[1-9]\d{0,4}m|[1-9]\d?)$/, '100m or 2'),
  memory: quantity(/^[1-9]\d{0,5}(?:Mi|Gi)$/, '256Mi'),
};

/** What a person may wish for an app. Strict: an unknown key is refused (T36). Defaults are the safe ones. */
export const appSpec = z.strictObject({
  image: fields.image,
  port: fields.port,
  replicas: fields.replicas.default(1),
  env: fields.env.default({}),
  domain: fields.domain.default(null),
  securityHeaders: fields.securityHeaders.default(true),
  hstsIncludeSubdomains: fields.hstsIncludeSubdomains.default(true),
  hstsPreload: fields.hstsPreload.default(true),
  cspAllow: fields.cspAllow.default([]),
  rateLimit: fields.rateLimit.default(100),
  allowRoot: fields.allowRoot.default(false),
  pull: fields.pull.default(false),
  cpu: fields.cpu.default('100m'),
  memory: fields.memory.default('256Mi'),
});

/** Some fields of a spec, without defaults: what is left out stays as it was. */
export const appSpecPatch = z.strictObject(fields).partial();

export type AppSpec = z.infer<typeof appSpec>;

export function hasMutableTag(image: string): boolean {
  return !image.includes('@sha256:');
}

/** The tag, `latest` when none is given, null for a name with a digest only. */
export function tagOf(image: string): string | null {
  const [name, digest] = image.split('@');
  const last = (name ?? '').split('/').at(-1) ?? '';
  const tag = last.includes(':') ? last.slice(last.indexOf(':') + 1) : null;
  if (tag !== null) return tag;
  return digest === undefined ? 'latest' : null;
}
