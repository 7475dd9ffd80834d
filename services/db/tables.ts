/** Every table of the record, by subject. Migrations are generated from here. */
export * from './tables/people.ts';
export * from './tables/servers.ts';
export * from './tables/clusters.ts';
export * from './tables/apps.ts';
export * from './tables/runs.ts';
export * from './tables/record.ts';
