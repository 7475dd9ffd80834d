import { describe, expect, test } from 'vitest';
import { overlaps, scopeOf } from '../../../core/server/network.ts';
import { coversPort } from '../../../core/server/ufw.ts';

describe('scope of an address', () => {
  test.each([
    ['0.0.0.0', 'wildcard'],
    ['::', 'wildcard'],
    ['*', 'wildcard'],
    ['127.0.0.53', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['10.0.0.5', 'private'],
    ['172.31.0.1', 'private'],
    ['172.32.0.1', 'global'],
    ['100.64.0.1', 'private'],
    ['fd00::1', 'private'],
    ['fe80::1', 'private'],
    ['2001:db8::1', 'global'],
    ['198.51.100.4', 'global'],
    ['not an address', 'global'],
  ])('%s is %s', (address, scope) => {
    expect(scopeOf(address)).toBe(scope);
  });
});

test('prefixes that share an address overlap; others do not', () => {
  expect(overlaps('10.42.0.0/16', '10.0.0.0/8')).toBe(true);
  expect(overlaps('10.42.0.0/16', '10.43.0.0/16')).toBe(false);
  expect(overlaps('10.42.0.0/16', 'fd00::/8')).toBe(false);
  expect(overlaps('10.42.7.1', '10.42.0.0/16')).toBe(true);
});

test('ports as ufw writes them', () => {
  expect(coversPort('22,80,8000:8100', 8050)).toBe(true);
  expect(coversPort('22,80,8000:8100', 443)).toBe(false);
  expect(coversPort('any', 1)).toBe(true);
});
