import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentSecurityPolicy, cspAdvice, cspSource } from '../../../core/app/csp.ts';
import { appSpec, imageReference, tagOf } from '../../../core/app/spec.ts';
import { appName, environmentName, namespaceOf, projectName } from '../../../core/names.ts';

const hostile = [';', '|', '&', '$(id)', '`id`', '\n', '\r\nX: y', ' ', "'", '"', '\\', '<', '>', '\0', '..', '--', '%0a', '\u202e'];

describe('an app spec', () => {
  it('T01 T05 refuses shell and argument tricks in the image name', () => {
    for (const trick of hostile) expect(imageReference.safeParse(`web${trick}x/../../y`).success, JSON.stringify(trick)).toBe(false);
    for (const bad of [
      '-web',
      '--upload-pack=x',
      'ext::sh -c id',
      'Web:1',
      'web:',
      'web@sha256:abc',
      'http://x/y',
      'web:1\n',
      '',
      ' web',
      'a'.repeat(600),
    ]) {
      expect(imageReference.safeParse(bad).success, bad).toBe(false);
    }
  });

  it('takes the image names people write', () => {
    for (const good of [
      'nginx',
      'nginx:1.27',
      'library/nginx',
      'ghcr.io/a/b-c_d:V1.0',
      'localhost:5000/x:1',
      `r.example.com:443/x/y:1@sha256:${'0'.repeat(64)}`,
    ]) {
      expect(imageReference.safeParse(good).success, good).toBe(true);
    }
    expect([tagOf('nginx'), tagOf('h:5000/nginx'), tagOf('nginx:1'), tagOf(`nginx@sha256:${'0'.repeat(64)}`)]).toEqual([
      'latest',
      'latest',
      '1',
      null,
    ]);
  });

  it('T02 T13 has names from an allowlist only', () => {
    for (const trick of hostile) {
      expect(appName.safeParse(`a${trick}b`).success && trick !== '--', JSON.stringify(trick)).toBe(false);
    }
    for (const bad of ['', '-a', 'a-', 'A', '1a', 'a'.repeat(41), 'a.b', 'a_b']) expect(appName.safeParse(bad).success, bad).toBe(false);
    for (const bad of ['kube-system', 'kipper', 'kipper-ingress', 'kubernetes'])
      expect(projectName.safeParse(bad).success, bad).toBe(false);
  });

  it('T06 refuses environment keys that are no names', () => {
    for (const key of ['A B', 'A=B', '1A', 'A;id', 'A\nB', '', 'Ä']) {
      expect(appSpec.safeParse({ image: 'x', port: 80, env: { [key]: 'v' } }).success, key).toBe(false);
    }
  });

  it('T36 refuses a key that nobody knows', () => {
    expect(appSpec.safeParse({ image: 'x', port: 80, privileged: true }).success).toBe(false);
  });

  it('refuses every field wrong once', () => {
    const wrong = {
      port: [0, 65_536, 1.5, '80'],
      replicas: [-1, 51],
      rateLimit: [0, -5, 1e9],
      cpu: ['0', '-1', '1 core', '1;'],
      memory: ['1', '0Mi', '1Ti', '1Gi\n'],
      domain: ['localhost', 'a b.com', '-a.com', 'a.com`)'],
    };
    for (const [field, values] of Object.entries(wrong)) {
      for (const value of values)
        expect(appSpec.safeParse({ image: 'x', port: 80, [field]: value }).success, `${field}=${String(value)}`).toBe(false);
    }
  });
});

describe('the content security policy', () => {
  it('is the seed page’s default without an allowlist', () => {
    expect(contentSecurityPolicy([])).toBe(
      "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
    );
  });

  it('adds a domain to style-, font-, script- and connect-src and nowhere else', () => {
    const directives = contentSecurityPolicy(['fonts.googleapis.com']).split('; ');
    expect(
      directives.filter((directive) => directive.endsWith('fonts.googleapis.com')).map((directive) => directive.split(' ')[0]),
    ).toEqual(['script-src', 'style-src', 'font-src', 'connect-src']);
  });

  it('cannot be broken out of by any accepted entry', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webAuthority(), fc.domain()), (text) => {
        const parsed = cspSource.safeParse(text);
        if (!parsed.success) return;
        expect(parsed.data).toMatch(/^[a-z0-9.:/*-]+$/);
        expect(contentSecurityPolicy([parsed.data]).split(';')).toHaveLength(10);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses what would open it or end the header', () => {
    for (const bad of [
      '*',
      '*.com',
      'https://*',
      'localhost',
      '192.0.2.1',
      'http://x.com',
      'x.com.',
      'x.com;script-src *',
      'x.com,y.com',
      'x.com\r\nSet-Cookie: a=b',
      "'unsafe-inline'",
      'data:',
      'x.com:99999',
      'x.com/path',
      'ünï.com',
      'x .com',
    ]) {
      expect(cspSource.safeParse(bad).success, bad).toBe(false);
    }
  });

  it('names the second domain that Google Fonts needs', () => {
    expect(cspAdvice(['fonts.googleapis.com'])[0]).toContain('fonts.gstatic.com');
    expect(cspAdvice(['fonts.googleapis.com', 'fonts.gstatic.com'])).toEqual([]);
  });
});

describe('namespaces', () => {
  it('tell every project and environment apart', () => {
    const name = (schema: typeof projectName | typeof environmentName, pattern: RegExp) =>
      fc.stringMatching(pattern).filter((text) => schema.safeParse(text).success);
    fc.assert(
      fc.property(
        name(projectName, /^[a-z][a-z0-9-]{0,10}[a-z0-9]$/),
        name(environmentName, /^[a-z][a-z0-9]{0,5}$/),
        name(projectName, /^[a-z][a-z0-9-]{0,10}[a-z0-9]$/),
        name(environmentName, /^[a-z][a-z0-9]{0,5}$/),
        (p1, e1, p2, e2) => {
          if (p1 === p2 && e1 === e2) return;
          expect(namespaceOf(p1, e1)).not.toBe(namespaceOf(p2, e2));
        },
      ),
      { numRuns: 500 },
    );
  });
});
