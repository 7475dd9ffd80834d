import type { RunKind } from '../core/runs.ts';
import type { Settle } from './context.ts';

/** Composition: the only place where a run's end meets the noun that it changes. One line a kind. */
export const settlements: Readonly<Record<RunKind, Settle>> = {
  audit: nothing,
  harden: nothing,
  undo: nothing,
  install: nothing,
  uninstall: nothing,
  deploy: nothing,
  retire: nothing,
};

function nothing(): void {}
