import { Fault } from '../core/fault.ts';
import type { KubeAnswer } from './kube-http.ts';

interface Status {
  message?: string;
  reason?: string;
  details?: { causes?: { field?: string; message?: string; reason?: string }[] };
}

/** What the API server said, as a Fault: the reason is closed, the message is the server's own, the field named where it names one. */
export function kubeFault(answer: KubeAnswer, during: { action: 'read' | 'write' | 'delete'; what: string }): Fault {
  const status = (typeof answer.body === 'object' && answer.body !== null ? answer.body : {}) as Status;
  const said = clean(status.message ?? (typeof answer.body === 'string' ? answer.body : '')) || `HTTP ${answer.status}`;
  const { reason, hint } = classify(answer.status, said);
  const field = fieldOf(status, said);
  return new Fault(answer.status >= 500 || answer.status === 429 ? 'unavailable' : 'cluster_refused', {
    message: `the cluster refused to ${during.action} ${during.what}: ${said}`,
    reason,
    hint,
    ...(field === undefined ? {} : { field }),
  });
}

/** No control characters, one line, and never a page of it. */
function clean(text: string): string {
  return text
    .replaceAll(/[\u0000-\u001f\u007f]+/g, ' ')
    .trim()
    .slice(0, 600);
}

function fieldOf(status: Status, said: string): string | undefined {
  const unknown = /(?:unknown|duplicate) field "([^"]{1,200})"/.exec(said)?.[1];
  const schema = /\.([A-Za-z][A-Za-z0-9_.[\]-]{1,200}): field not declared in schema/.exec(said)?.[1];
  return unknown ?? schema ?? status.details?.causes?.find((cause) => cause.field !== undefined && cause.field !== '')?.field;
}

const table: readonly { status: number; pattern: RegExp; reason: string; hint: string }[] = [
  {
    status: 400,
    pattern: /unknown field|not declared in schema/,
    reason: 'unknown_field',
    hint: 'this version of Kubernetes does not know the field; nothing was written',
  },
  {
    status: 500,
    pattern: /not declared in schema/,
    reason: 'unknown_field',
    hint: 'this version of Kubernetes does not know the field; nothing was written',
  },
  { status: 403, pattern: /exceeded quota/, reason: 'quota', hint: 'ask for less, or remove what is not needed in this environment' },
  { status: 403, pattern: /violates PodSecurity/, reason: 'pod_security', hint: 'let the image run as a user other than root' },
  { status: 422, pattern: /immutable/, reason: 'immutable_field', hint: 'the object has to be removed and made anew' },
];

function classify(status: number, said: string): { reason: string; hint: string } {
  const found = table.find((row) => row.status === status && row.pattern.test(said));
  if (found !== undefined) return found;
  if (status === 401)
    return {
      reason: 'not_authenticated',
      hint: 'the kubeconfig of the host was refused; its certificates may have been renewed: try again',
    };
  if (status === 403) return { reason: 'forbidden', hint: 'an admission rule of the cluster refused it; the message names the rule' };
  if (status === 409) return { reason: 'conflict', hint: 'something else keeps writing this object; look at its managedFields' };
  if (status === 422 || status === 400) return { reason: 'invalid_object', hint: 'the message names the field; nothing was written' };
  if (status === 404) return { reason: 'not_found', hint: 'the namespace or the kind does not exist' };
  if (status >= 500 || status === 429) return { reason: 'api_unreachable', hint: 'look at journalctl -u k3s on the server' };
  return { reason: 'refused', hint: 'the message is the API server own words' };
}
