import { Fault } from '../core/fault.ts';
import type { Output } from './session.ts';

const mostCharacters = 1024 * 1024;

/** Collects what a call prints for us to read. A host that says more than 1 MiB is refused: it would fill the worker's memory. */
export function keepAnswer(what: string): { take: Output; text(): string } {
  let text = '';
  return {
    take: (stream, words) => {
      if (stream === 'stderr') return;
      text += words;
      if (text.length > mostCharacters)
        throw new Fault('host_refused', {
          message: `${what} is larger than 1 MiB`,
          reason: 'answer_too_large',
          hint: 'look at what the root shell of the server prints',
        });
    },
    text: () => text,
  };
}
