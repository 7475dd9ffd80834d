import { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { faultCodes, type FaultCode } from '../../core/fault.ts';
import { faultOfIssues } from '../../core/parse.ts';
import type { Actor } from '../access.ts';

/** What the middleware leaves for a route: the actor is there on every route that is not declared public. */
export interface HttpEnv {
  Variables: {
    actor: Extract<Actor, { kind: 'person' }>;
    /** The client's address, by KIPPER_BEHIND_PROXY. */
    address: string;
    /** When the token that opened this request expires: a live answer ends with it. */
    signedInUntilMs: number;
  };
}

/** An empty noun router: wrong input becomes a Fault `invalid_input` before the handler runs. */
export function router(): OpenAPIHono<HttpEnv> {
  return new OpenAPIHono<HttpEnv>({
    defaultHook: (result) => {
      if (!result.success) throw faultOfIssues(result.error);
    },
  });
}

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(faultCodes) as [FaultCode, ...FaultCode[]]),
    hint: z.string().optional(),
    field: z.string().optional(),
    reason: z.string().optional(),
    instance: z.string().optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457, with the next step as `hint` and the input field at fault as `field`' });

const problem = {
  description: 'what was refused, why, and the next step',
  content: { 'application/problem+json': { schema: problemSchema } },
};

/** Spread into every route's `responses`. */
export const problems = { '4XX': problem, '5XX': problem } as const;

/** One JSON answer of a route. */
export function json<S extends z.ZodType>(schema: S, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

/** The body of a route: required, and `application/json` only. */
export function jsonBody<S extends z.ZodType>(schema: S) {
  return { required: true, content: { 'application/json': { schema } } };
}

/** `/things/{NAME}`: an id, or the name that a person types. */
export function idParam<Name extends string>(name: Name) {
  return z.object({ [name]: z.string().min(1).max(64).meta({ description: 'id or name' }) } as Record<Name, z.ZodString>);
}
