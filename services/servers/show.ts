import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { findServer, pinnedKeys } from './find.ts';
import { viewServer, type ServerView } from './view.ts';

export function showServer(ctx: Context, actor: Actor, server: string): ServerView {
  const row = findServer(ctx, actor, server);
  return viewServer(row, pinnedKeys(ctx, row.id));
}
