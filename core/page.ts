import { z } from 'zod';

/** Every list takes the same two words; `after` is the id of the last item seen. */
export const pageInput = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().max(64).optional(),
});
export type PageInput = z.output<typeof pageInput>;

export interface Page<T> {
  items: T[];
  /** To be given as `after` for the next page; null at the end. */
  next: string | null;
}

/** One page of rows that were asked for with `limit + 1`. */
export function cutPage<Row, View>(
  rows: readonly Row[],
  limit: number,
  cursor: (row: Row) => string,
  view: (row: Row) => View,
): Page<View> {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return { items: kept.map(view), next: rows.length > limit && last !== undefined ? cursor(last) : null };
}
