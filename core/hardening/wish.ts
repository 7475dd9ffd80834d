import type { Control, Finding } from '../control.ts';
import type { RunInput } from '../runs.ts';
import type { ServerFacts } from '../server/facts.ts';

/** What a person asked for, and whether the server is the control plane's own machine. */
export interface HardenWish extends RunInput<'harden'> {
  sameHost: boolean;
}

/** Everything on, nothing agreed to. */
export const defaultWish: HardenWish = {
  noHarden: false,
  noFirewall: false,
  dropLogins: [],
  yesSameHost: false,
  planOnly: false,
  planHash: null,
  sameHost: false,
};

/** A hardening control says besides which opt-out leaves it alone. */
export interface HardeningControl extends Control<ServerFacts, HardenWish> {
  optOut: 'noHarden' | 'noFirewall';
  /** How it is taken back, in a sentence. */
  undo: string;
  /** A standing cluster needs it: undo goes through `kip cluster remove`. */
  clusterNeeds: boolean;
}

export type FindingParts = Pick<Finding, 'evidence' | 'hint'> & Partial<Pick<Finding, 'title' | 'severity' | 'remedy' | 'standards'>>;

/** A Finding of a control; fixable unless told otherwise. */
export function finding(control: Pick<HardeningControl, 'id' | 'title' | 'severity' | 'standards'>, parts: FindingParts): Finding {
  return {
    control: control.id,
    title: parts.title ?? control.title,
    severity: parts.severity ?? control.severity,
    evidence: parts.evidence,
    hint: parts.hint,
    standards: parts.standards ?? control.standards,
    remedy: parts.remedy ?? 'fixable',
  };
}
