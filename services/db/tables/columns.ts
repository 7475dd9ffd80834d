import { sql } from 'drizzle-orm';
import { check, integer, text, type AnySQLiteColumn } from 'drizzle-orm/sqlite-core';

/** Closed unions and integer times are held by the database too, not only by types. */
export const oneOf = (name: string, column: AnySQLiteColumn, values: readonly string[]) =>
  check(name, sql.raw(`"${column.name}" in (${values.map((value) => `'${value}'`).join(', ')})`));
export const isTime = (name: string, column: AnySQLiteColumn) =>
  check(name, sql.raw(`typeof("${column.name}") = 'integer' and "${column.name}" > 0`));
export const isJson = (name: string, column: AnySQLiteColumn) =>
  check(name, sql.raw(`"${column.name}" is null or json_valid("${column.name}")`));

export const id = () => text('id').primaryKey();
export const createdAtMs = () => integer('created_at_ms').notNull();
