import type { UndoStep } from '../plan.ts';
import { controlOf } from './controls.ts';

export interface UndoEntry {
  entry: string;
  run: string;
  step: string;
  control: string;
  action: string;
  guard: 'sshd' | 'firewall' | null;
  title: string;
}

/** The host's own list, newest first, fields separated by tabs. Hostile text: a line out of shape is passed over. */
export function parseUndoList(text: string): UndoEntry[] {
  return text.split('\n').flatMap((line): UndoEntry[] => {
    const [entry = '', run = '', step = '', control = '', action = '', guard, title] = line.split('\t');
    if (!/^\d{8}$/.test(entry) || title === undefined) return [];
    return [
      { entry, run, step, control, action, guard: guard === 'sshd' || guard === 'firewall' ? guard : null, title: title.slice(0, 200) },
    ];
  });
}

export interface UndoWish {
  /** Null means all. */
  controls: readonly string[] | null;
  force: boolean;
  /** A cluster of ours stands on the server: what it needs, and what it is made of, stays. */
  clusterStands: boolean;
}

const undoMs = 600_000;

/** The steps that take back the chosen entries, and the titles of those that have to stay. */
export function planUndo(entries: readonly UndoEntry[], wish: UndoWish): { steps: UndoStep[]; kept: string[] } {
  const chosen = entries.filter((each) => wish.controls === null || wish.controls.includes(each.control));
  const needed = (each: UndoEntry) => wish.clusterStands && controlOf(each.control)?.clusterNeeds !== false;
  const steps = chosen
    .filter((each) => !needed(each))
    .map((each): UndoStep => ({
      kind: 'undo',
      id: `undo/${each.entry}`,
      title: `undo: ${each.title}`,
      ...(each.control === '' ? {} : { control: each.control }),
      entry: each.entry,
      ...(each.guard === null ? {} : { guard: each.guard }),
      force: wish.force,
      timeoutMs: undoMs,
    }));
  return { steps, kept: chosen.filter(needed).map((each) => each.title) };
}
