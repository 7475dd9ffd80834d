import type { Actor } from '../access.ts';
import type { Context } from '../context.ts';
import { findCluster, serverOf } from './find.ts';
import { viewCluster, type ClusterView } from './view.ts';

export function showCluster(ctx: Context, actor: Actor, cluster: string): ClusterView {
  const row = findCluster(ctx, actor, cluster);
  return viewCluster(row, serverOf(ctx, row));
}
