import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostLibrary } from '../../bootstrap/bundle.ts';
import { assign, call, quote } from '../../core/shell.ts';

const shells: [string, string[]][] = [
  ['dash', ['-s']],
  ['bash', ['--posix', '-s']],
  ['busybox', ['ash', '-s']],
];

/** What a shell makes of a batch of values: each is printed with an end that no value holds. */
function through(command: string, args: string[], values: string[]): string[] {
  const script = values.map((value) => `${call('show', { value })}`).join('');
  const text = `show() { printf '%s\\036\\n' "$K_value"; }\n${script}`;
  const shown = execFileSync(command, args, { input: Buffer.from(text), encoding: 'utf8', env: { PATH: process.env['PATH'] ?? '' } });
  return shown.split('\u001e\n').slice(0, -1);
}

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...`'"\\$\`\n\r\t;&|<>(){}[]*?!#~%=- EOF`), maxLength: 60 }),
  fc.constantFrom("'; touch /tmp/x; '", '$(id)', '`id`', '\nEOF\nid\n', "'\\''", '-n', '\\', '${IFS}', '\u0085', '\u2028'),
);
const value = nasty.filter((text) => !text.includes('\0') && !text.includes('\u001e') && text.isWellFormed());

describe('values never become command text', () => {
  test.each(shells)(
    'T03 T07 T08 T09 any text comes out of %s byte for byte',
    (command, args) => {
      fc.assert(
        fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (values) => {
          expect(through(command, args, values)).toEqual(values);
        }),
        { numRuns: 25 },
      );
    },
    60_000,
  );

  test('T08 a value survives one more shell, because it travels as data and not as text', () => {
    const text = `inner() { printf %s "$K_value" | sh -c 'cat'; }\n${call('inner', { value: "'$(id)`id`\n" })}`;
    expect(spawnSync('dash', ['-s'], { input: text, encoding: 'utf8' }).stdout).toBe("'$(id)`id`\n");
  });

  test('a NUL, a strange name of a value or of a function is refused', () => {
    expect(() => quote('a\0b')).toThrow(TypeError);
    for (const name of ['', 'A', '1a', 'a b', 'a=b', 'a;b', 'é', 'a'.repeat(40)]) expect(() => assign({ [name]: '' })).toThrow(TypeError);
    for (const name of ['', 'rm -rf', 'a;b', '$(id)', 'A']) expect(() => call(name, {})).toThrow(TypeError);
  });

  test('a call sees neither the session’s input nor its lock', () => {
    const text = `exec 9>/dev/null\nlook() { cat; [ -e /proc/self/fd/9 ] && echo open; echo end; }\n${call('look', {})}echo after\n`;
    expect(spawnSync('dash', ['-s'], { input: text, encoding: 'utf8' }).stdout).toBe('end\nafter\n');
  });
});

describe('the host library', () => {
  test.each(shells)('is read by %s without a word', (command, args) => {
    const done = spawnSync(command, args, { input: `${hostLibrary()}\necho ready\n`, encoding: 'utf8' });
    expect([done.stdout, done.stderr]).toEqual(['ready\n', '']);
  });

  test('T14 uses no eval, and shellcheck has nothing to say', () => {
    expect(hostLibrary()).not.toMatch(/^\s*[^#\n]*\beval\b/m);
    const checked = spawnSync('shellcheck', ['-s', 'sh', '-'], { input: hostLibrary(), encoding: 'utf8' });
    if (checked.error === undefined) expect(checked.stdout).toBe('');
  });

  test('T64 begins with a private umask', () => {
    const code = hostLibrary()
      .split('\n')
      .find((line) => line !== '' && !line.startsWith('#'));
    expect(code).toBe('umask 077');
  });
});
