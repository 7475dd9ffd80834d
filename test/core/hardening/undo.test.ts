import { describe, expect, test } from 'vitest';
import { parseUndoList, planUndo, type UndoEntry } from '../../../core/hardening/undo.ts';
import { planHash } from '../../../workers/plan-hash.ts';
import { demandKnownLogins, demandSamePlan, hardeningPlan } from '../../../workers/harden.ts';
import { defaultWish } from '../../../core/hardening/wish.ts';
import { factsOf } from './recorded.ts';

const line = (entry: string, control: string, guard = '') =>
  `${entry}\trun_a\t${control}/x\t${control}\tfile\t${guard}\t${control} title\n`;
const list = parseUndoList(
  line('00000004', 'firewall', 'firewall') +
    line('00000003', 'k3s') +
    line('00000002', 'sshd', 'sshd') +
    line('00000001', 'surplus-services'),
);
const ids = (entries: readonly UndoEntry[], wish: Partial<Parameters<typeof planUndo>[1]> = {}) =>
  planUndo(entries, { controls: null, force: false, clusterStands: false, ...wish });

describe('undo', () => {
  test('takes back newest first, guarded where the change was', () => {
    const { steps, kept } = ids(list);
    expect(steps.map((step) => step.entry)).toEqual(['00000004', '00000003', '00000002', '00000001']);
    expect(steps.map((step) => step.guard)).toEqual(['firewall', undefined, 'sshd', undefined]);
    expect(kept).toEqual([]);
  });

  test('only the named controls', () => {
    expect(ids(list, { controls: ['sshd'] }).steps.map((step) => step.entry)).toEqual(['00000002']);
  });

  test('what a standing cluster needs, and what it is made of, stays', () => {
    const { steps, kept } = ids(list, { clusterStands: true });
    expect(steps.map((step) => step.control)).toEqual(['sshd', 'surplus-services']);
    expect(kept).toEqual(['firewall title', 'k3s title']);
  });

  test('lines of a host that are out of shape are passed over', () => {
    expect(parseUndoList('../../etc\tx\tx\tx\tfile\t\tt\n00000001\tonly\n\u0000\n')).toEqual([]);
  });
});

describe('an agreed plan', () => {
  const facts = factsOf('bare');

  test('showing and applying mean the same hash; another wish means another', () => {
    const shown = planHash(hardeningPlan({ ...defaultWish, planOnly: true }, facts));
    expect(planHash(hardeningPlan({ ...defaultWish, planHash: shown }, facts))).toBe(shown);
    expect(planHash(hardeningPlan({ ...defaultWish, noFirewall: true }, facts))).not.toBe(shown);
  });

  test('a plan that is not the agreed one is refused with what it is now', () => {
    const plan = hardeningPlan(defaultWish, facts);
    expect(() => demandSamePlan('0'.repeat(64), plan, planHash(plan))).toThrow(
      expect.objectContaining({ code: 'conflict', hint: expect.stringContaining('stop and mask') }),
    );
    expect(() => demandSamePlan(planHash(plan), plan, planHash(plan))).not.toThrow();
  });

  test('giving up the login of an account that is not there is refused, naming those that are', () => {
    expect(() => demandKnownLogins({ dropLogins: ['nobody-here'] }, facts)).toThrow(
      expect.objectContaining({ field: '--drop-login', hint: expect.stringContaining('plain') }),
    );
  });
});
