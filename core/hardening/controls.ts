import { firewall } from './controls/firewall.ts';
import { guard } from './controls/guard.ts';
import { surplusServices } from './controls/surplus-services.ts';
import type { HardeningControl } from './wish.ts';

/** One list for audit, dry run, fix, undo and the docs table; in the order in which they are applied. */
export const controls: readonly HardeningControl[] = [surplusServices, guard, firewall];
