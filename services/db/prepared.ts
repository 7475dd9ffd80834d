import type { Database } from './open.ts';

/** A query that is built and compiled once per database: building one costs more than running it. */
export function prepared<Query extends object>(build: (db: Database) => Query): (db: Database) => Query {
  const kept = new WeakMap<Database, Query>();
  return (db) => {
    const known = kept.get(db);
    if (known !== undefined) return known;
    const query = build(db);
    kept.set(db, query);
    return query;
  };
}
