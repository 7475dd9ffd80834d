import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Sqlite from 'better-sqlite3';
import { build } from 'esbuild';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../services/config.ts';
import { organizations } from '../../services/db/tables.ts';
import { openRecord } from '../../services/record.ts';

const root = join(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'kipper-migrate-'));
/** The record's code as a bundle with a migrations folder of its own beside it: a later version of Kipper. */
const program = mkdtempSync(join(root, 'node_modules/.later-'));
let later: { openRecord: typeof openRecord };
let folder = '';
let turn = 0;

beforeAll(async () => {
  await build({
    entryPoints: { record: join(root, 'services/record.ts') },
    outdir: program,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['better-sqlite3', '@node-rs/bcrypt'],
    logLevel: 'error',
  });
  later = (await import(pathToFileURL(join(program, 'record.mjs')).href)) as typeof later;
}, 60_000);
afterAll(() => {
  for (const each of [dir, program]) rmSync(each, { recursive: true, force: true });
});
beforeEach(async () => {
  turn += 1;
  folder = join(dir, `data-${turn}`);
  const record = await openRecord(config(), () => {});
  record.ctx.db.insert(organizations).values({ id: 'org_1', name: 'one', createdAtMs: 1 }).run();
  record.close();
});

const config = () => readConfig({ KIPPER_DATA: folder });
const tablesOf = (file: string) =>
  new Sqlite(file, { readonly: true }).prepare("select name from sqlite_master where name like 'later_%' order by name").pluck().all();
const backups = () => readdirSync(join(folder, 'backups')).map((name) => join(folder, 'backups', name));

/** Migrations that this version does not know, after those it has. */
function giveLater(...statements: string[]): void {
  const target = join(program, 'migrations');
  rmSync(target, { recursive: true, force: true });
  cpSync(join(root, 'migrations'), target, { recursive: true });
  const journalFile = join(target, 'meta/_journal.json');
  const journal = JSON.parse(readFileSync(journalFile, 'utf8')) as {
    entries: { idx: number; version: string; when: number; tag: string; breakpoints: boolean }[];
  };
  for (const [at, sql] of statements.entries()) {
    const last = journal.entries.at(-1);
    const tag = `later_${at}`;
    writeFileSync(join(target, `${tag}.sql`), sql);
    journal.entries.push({ idx: journal.entries.length, version: '6', when: (last?.when ?? 0) + 1, tag, breakpoints: true });
  }
  writeFileSync(journalFile, JSON.stringify(journal));
}

describe('a later version on an existing database', () => {
  test('backs it up first, private and whole, then migrates; a start without a migration makes no copy', async () => {
    giveLater('create table later_one (a text);');
    (await later.openRecord(config(), () => {})).close();
    (await later.openRecord(config(), () => {})).close();
    expect(backups()).toHaveLength(1);
    const [copy = ''] = backups();
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    expect([tablesOf(copy), tablesOf(join(folder, 'kipper.db'))]).toEqual([[], ['later_one']]);
    const kept = new Sqlite(copy, { readonly: true });
    expect(kept.prepare('select name from organizations').pluck().all()).toEqual(['one']);
    expect(kept.pragma('integrity_check', { simple: true })).toBe('ok');
  });

  test('a migration that fails is rolled back alone; the data is as it was, and the version before still starts', async () => {
    giveLater('create table later_bad (a text);--> statement-breakpoint\ninsert into later_bad select no_such_column from organizations;');
    await expect(later.openRecord(config(), () => {})).rejects.toThrow(/no_such_column/);
    expect(tablesOf(join(folder, 'kipper.db'))).toEqual([]);
    expect(backups()).toHaveLength(1);
    const again = await openRecord(config(), () => {});
    expect(again.ctx.db.select().from(organizations).all()).toHaveLength(1);
    again.close();
  });

  test('a migration that would break a reference is refused and rolled back', async () => {
    giveLater("insert into projects (id, organization_id, name, created_at_ms) values ('prj_x', 'org_none', 'x', 1);");
    await expect(later.openRecord(config(), () => {})).rejects.toThrow('would break references');
    const again = await openRecord(config(), () => {});
    expect(again.ctx.db.$client.prepare('select count(*) from projects').pluck().get()).toBe(0);
    again.close();
  });

  test('the version before refuses what the later one wrote, with a sentence', async () => {
    giveLater('create table later_one (a text);');
    (await later.openRecord(config(), () => {})).close();
    await expect(openRecord(config(), () => {})).rejects.toMatchObject({
      code: 'conflict',
      message: 'the database was written by a newer Kipper',
    });
  });
});
