import { accessVariants } from './variants-access.ts';
import { networkVariants } from './variants-network.ts';
import { systemVariants } from './variants-system.ts';
import type { Variant } from './variant.ts';

export const variants: Record<string, Variant> = { ...accessVariants, ...networkVariants, ...systemVariants };

export function unknownVariant(names: string[]): string | undefined {
  const name = names.find((each) => !Object.hasOwn(variants, each));
  return name && `There is no lab variant '${name}'; known: ${Object.keys(variants).join(', ')}.`;
}
