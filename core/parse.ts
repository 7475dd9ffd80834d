import type { z } from 'zod';
import { Fault } from './fault.ts';

/** The first thing wrong with an input, as a Fault with a JSON pointer (RFC 6901). The input itself is not echoed. */
export function faultOfIssues(error: z.ZodError): Fault {
  const issue = error.issues[0];
  const path = issue?.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : (issue?.path ?? []);
  const message = issue?.code === 'unrecognized_keys' ? 'this field is not known here' : (issue?.message ?? 'the input is not valid');
  const field = path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return new Fault('invalid_input', {
    message: field === '' ? message : `${field.slice(1, 80)}: ${message}`.slice(0, 400),
    ...(field === '' ? {} : { field: field.slice(0, 200) }),
    hint: 'the fields of every request are listed at /docs',
  });
}

/** Untrusted input through its schema; a Fault `invalid_input` that names the field otherwise. */
export function parsed<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input);
  if (!result.success) throw faultOfIssues(result.error);
  return result.data;
}
