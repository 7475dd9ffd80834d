import { z } from 'zod';
import type { environments, projects } from '../db/tables.ts';

export const projectView = z.object({ id: z.string(), name: z.string(), createdAtMs: z.int() }).meta({ id: 'Project' });
export type ProjectView = z.infer<typeof projectView>;

export const environmentView = z
  .object({ id: z.string(), projectId: z.string(), name: z.string(), createdAtMs: z.int() })
  .meta({ id: 'Environment' });
export type EnvironmentView = z.infer<typeof environmentView>;

export function viewProject(row: typeof projects.$inferSelect): ProjectView {
  return { id: row.id, name: row.name, createdAtMs: row.createdAtMs };
}

export function viewEnvironment(row: typeof environments.$inferSelect): EnvironmentView {
  return { id: row.id, projectId: row.projectId, name: row.name, createdAtMs: row.createdAtMs };
}
