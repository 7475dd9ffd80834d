import { createRoute } from '@hono/zod-openapi';
import { z } from 'zod';
import type { Control } from '../../../core/control.ts';
import { severities } from '../../db/tables.ts';
import { json, problems, router } from '../openapi.ts';

const controlView = z
  .object({ id: z.string(), title: z.string(), why: z.string(), severity: z.enum(severities), standards: z.array(z.string()) })
  .meta({ id: 'Control' });

const list = createRoute({
  method: 'get',
  path: '/controls',
  tags: ['controls'],
  summary: 'Every rule that is checked and fixed, with its reason and its standards',
  responses: { 200: json(z.object({ items: z.array(controlView), next: z.null() }), 'in the order of the plan'), ...problems },
});

type ControlCard = Pick<Control<never, never>, 'id' | 'title' | 'why' | 'severity' | 'standards'>;

export function controlRoutes(controls: readonly ControlCard[]) {
  const items = controls.map(({ id, title, why, severity, standards }) => ({ id, title, why, severity, standards: [...standards] }));
  return router().openapi(list, (c) => c.json({ items, next: null }, 200));
}
