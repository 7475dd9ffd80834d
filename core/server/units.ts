import type { Sections } from '../probe.ts';
import { read } from './reading.ts';

export interface Unit {
  id: string;
  load: string;
  active: string;
  file: string;
}

/** Units by name; one without a file on the host is missing here. */
export type Units = Readonly<Record<string, Unit>>;

export function parseUnits(sections: Sections): Units {
  const units = new Map<string, Unit>();
  let open: Unit | null = null;
  for (const line of read(sections, 'units')) {
    const [key = '', value = ''] = line.split(/=(.*)/s);
    if (key === 'Id') {
      open = { id: value, load: '', active: '', file: '' };
      units.set(value, open);
    } else if (open !== null && key === 'LoadState') open.load = value;
    else if (open !== null && key === 'ActiveState') open.active = value;
    else if (open !== null && key === 'UnitFileState') open.file = value;
  }
  return Object.fromEntries(units);
}

export function isMasked(units: Units, name: string): boolean {
  const unit = units[name];
  return unit !== undefined && (unit.load === 'masked' || unit.file === 'masked');
}

export function isActive(units: Units, name: string): boolean {
  const state = units[name]?.active;
  return state === 'active' || state === 'activating' || state === 'reloading';
}

/** There is something that could be started. */
export function isThere(units: Units, name: string): boolean {
  const unit = units[name];
  return unit !== undefined && unit.load !== 'not-found' && !isMasked(units, name);
}
