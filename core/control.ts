export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info';

/** What a Control says of one server or cluster: one list serves report, dry run, fix, undo and the docs. */
export interface Finding {
  control: string;
  title: string;
  severity: Severity;
  /** What was seen, in words a person can check. */
  evidence: string;
  /** The next step: a command or a sentence. */
  hint: string;
  /** CIS and kindred ids, such as `CIS 5.2.1` or `k3s-cis-1.9 1.2.14`. */
  standards: readonly string[];
  /** Whether `harden` would fix it, was told not to, or it is the owner's to fix. */
  remedy: 'fixable' | 'skipped' | 'owner';
}

export interface Control<Facts, Wish> {
  id: string;
  title: string;
  why: string;
  severity: Severity;
  standards: readonly string[];
  assess(facts: Facts, wish: Wish): Finding[];
  /** Steps that mend what assess found; empty when nothing has to change. */
  plan(facts: Facts, wish: Wish): import('./plan.ts').Step[];
}
