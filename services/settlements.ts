import type { RunKind } from '../core/runs.ts';
import type { Settle } from './context.ts';
import { settleDeploy, settleRetire } from './apps/settle.ts';
import { settleInstall, settleUninstall } from './clusters/settle.ts';
import { settleHarden, settleReach, settleUndo } from './servers/settle.ts';

/** Composition: the only place where a run's end meets the noun that it changes. One line a kind. */
export const settlements: Readonly<Record<RunKind, Settle>> = {
  audit: settleReach,
  harden: settleHarden,
  undo: settleUndo,
  install: (ctx, run, settlement) => {
    settleReach(ctx, run, settlement);
    settleInstall(ctx, run, settlement);
  },
  uninstall: (ctx, run, settlement) => {
    settleReach(ctx, run, settlement);
    settleUninstall(ctx, run, settlement);
  },
  deploy: (ctx, run, settlement) => {
    settleReach(ctx, run, settlement);
    settleDeploy(ctx, run, settlement);
  },
  retire: (ctx, run, settlement) => {
    settleReach(ctx, run, settlement);
    settleRetire(ctx, run, settlement);
  },
};
