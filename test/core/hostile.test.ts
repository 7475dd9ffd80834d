import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AppPlace } from '../../core/app/names.ts';
import { appObjects } from '../../core/app/objects.ts';
import { planRelease } from '../../core/app/plan.ts';
import { appSpec, environmentKey, imageReference } from '../../core/app/spec.ts';
import { appName, domainName, environmentName, projectName, serverName, unixUser } from '../../core/names.ts';
import { dialAddress, enrolmentClaim } from '../../core/server/enrolment.ts';
import { mayDial } from '../../workers/targets.ts';

/** Words that broke comparable products. Pinned: a validator that is loosened later fails here (T18). */
const words = JSON.parse(readFileSync(new URL('../golden/hostile/words.json', import.meta.url), 'utf8')) as string[];

const validators = {
  appName,
  domainName,
  environmentName,
  projectName,
  serverName,
  unixUser,
  imageReference,
  environmentKey,
  dialAddress,
};
const good: Record<keyof typeof validators, string> = {
  appName: 'web',
  domainName: 'apps.example.com',
  environmentName: 'test',
  projectName: 'shop',
  serverName: 'web-1',
  unixUser: 'ada',
  imageReference: 'nginx:1',
  environmentKey: 'KEY',
  dialAddress: '203.0.113.7',
};

/** Harmless behind a good word: a hyphen inside a name, a path behind a registry. */
const innocentInside = new Set(['-rf', '/etc/passwd']);

describe('T02 T04 T13 T16 T18 every name that can come from outside', () => {
  for (const [name, schema] of Object.entries(validators) as [keyof typeof validators, (typeof validators)['appName']][]) {
    it(`${name} takes a good one and refuses each hostile word, alone and around a good one`, () => {
      expect(schema.safeParse(good[name]).success).toBe(true);
      for (const word of words) {
        for (const text of innocentInside.has(word) ? [word] : [word, `${good[name]}${word}`, `${word}${good[name]}`]) {
          expect(schema.safeParse(text).success, JSON.stringify(text)).toBe(false);
        }
      }
    });
  }
});

const place: AppPlace = {
  app: 'web',
  project: 'shop',
  environment: 'test',
  host: 'web.example.com',
  nodeAddresses: [],
  releaseId: 'rel_01jhw00000aaaaaaaaaaaaaaaa',
};

describe('what is sent to a cluster', () => {
  it('T11 has probes that run no command', () => {
    const text = JSON.stringify(appObjects(place, appSpec.parse({ image: 'x:1', port: 80 })));
    expect(text).toContain('"readinessProbe":{"tcpSocket"');
    expect(text).not.toMatch(/"exec"|"command"|"args"/);
  });

  it('T15 schedules nothing, on the host or as a job', () => {
    const kinds = planRelease(place, appSpec.parse({ image: 'x:1', port: 80 })).steps.map((step) =>
      step.kind === 'manifest' ? step.object.kind : step.kind,
    );
    expect(kinds).not.toContain('CronJob');
    expect(kinds).not.toContain('shell');
  });

  it('T09 carries values of variables as data, also those that Kubernetes would expand', () => {
    const env = Object.fromEntries(words.filter((word) => !word.includes('\0')).map((word, index) => [`K${index}`, word]));
    const deployment = appObjects(place, appSpec.parse({ image: 'x:1', port: 80, env })).find((object) => object.kind === 'Deployment');
    const spec = deployment?.['spec'] as { template: { spec: { containers: { env: { name: string; value: string }[] }[] } } } | undefined;
    const container = spec?.template.spec.containers[0];
    expect(container?.env).toHaveLength(Object.keys(env).length);
    for (const { name, value } of container?.env ?? []) expect(value.replaceAll('$$(', '$(')).toBe(env[name]);
  });
});

describe('T12 the claim of an enrolling machine', () => {
  const claim = {
    token: `kpe_${'a'.repeat(43)}`,
    machineId: 'a'.repeat(32),
    bootId: '00000000-0000-0000-0000-000000000000',
    sshPorts: [22],
    hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    facts: {},
  };
  it('has keys of a known shape only: no option, no comment, no second line', () => {
    for (const word of words) {
      const parsed = enrolmentClaim.shape.hostKeys.safeParse([`${claim.hostKeys[0] ?? ''}${word}`, `${word} ${claim.hostKeys[0] ?? ''}`]);
      expect(parsed.success, JSON.stringify(word)).toBe(false);
    }
  });
});

describe('T52 where Kipper may connect to', () => {
  it('never metadata, link-local or unspecified addresses, however they are written; private ones only when told', () => {
    for (const address of [
      '169.254.169.254',
      '::ffff:169.254.169.254',
      '100.100.100.200',
      '168.63.129.16',
      'fd00:ec2::254',
      'fe80::1',
      '0.0.0.0',
      '::',
      '224.0.0.1',
      '255.255.255.255',
      'localhost',
      '',
    ]) {
      expect(mayDial(address, 'any'), address).toBe(false);
    }
    for (const address of [
      '127.0.0.1',
      '::1',
      '::ffff:127.0.0.1',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.1.1',
      'fd00::1',
      '100.64.0.1',
      '0x7f.1',
      '2130706433',
    ]) {
      expect([mayDial(address, 'public'), mayDial(address, 'any')], address).toEqual([false, true]);
    }
    expect([mayDial('203.0.113.7', 'public'), mayDial('8.8.8.8', 'public'), mayDial('2606:4700::1111', 'public')]).toEqual([
      false,
      true,
      true,
    ]);
  });
});
