import { z } from 'zod';
import { pageInput } from '../../core/page.ts';

export const pageQuery = pageInput;

/** `{ items, next }` of one view. */
export function pageOf<S extends z.ZodType>(view: S) {
  return z.object({
    items: z.array(view),
    next: z.string().nullable().meta({ description: 'give it as `after` for the next page; null at the end' }),
  });
}
