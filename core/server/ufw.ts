export interface UfwRule {
  action: string;
  protocol: string;
  /** `any` or ports such as `22,80,8000:8100`. */
  ports: string;
  to: string;
  from: string;
  direction: string;
  interface: string | null;
}

export interface UfwFacts {
  /** Its files are there: the package is, or was. */
  present: boolean;
  enabled: boolean;
  input: string | null;
  forward: string | null;
  ipv6: boolean;
  rules: UfwRule[];
}

export function parseUfw(files: readonly { path: string; lines: string[] }[], tuples: readonly string[]): UfwFacts {
  const values = new Map<string, string>();
  for (const file of files) {
    for (const line of file.lines) {
      const [, key = '', value = ''] = /^\s*([A-Z_0-9]+)=(.*)$/.exec(line) ?? [];
      values.set(key, value.replaceAll(/^["']|["']\s*$/g, '').trim());
    }
  }
  return {
    present: files.length > 0,
    enabled: values.get('ENABLED')?.toLowerCase() === 'yes',
    input: values.get('DEFAULT_INPUT_POLICY') ?? null,
    forward: values.get('DEFAULT_FORWARD_POLICY') ?? null,
    ipv6: values.get('IPV6')?.toLowerCase() === 'yes',
    rules: tuples.flatMap(parseTuple),
  };
}

/** `### tuple ### allow tcp 22,80 0.0.0.0/0 any 0.0.0.0/0 in`: action, protocol, dport, dst, sport, src, direction with its interface. */
function parseTuple(line: string): UfwRule[] {
  const words = line.replace('### tuple ### ', '').split(' ');
  const [action = '', protocol, ports, to, , from, ...rest] = words.filter((word) => !word.startsWith('comment='));
  if (action.startsWith('route:') || protocol === undefined || ports === undefined || to === undefined || from === undefined) return [];
  // With application profiles two names stand before the direction.
  const [direction = 'in', device = null] = (rest.at(-1) ?? 'in').split('_');
  return [{ action: action.split('_')[0] ?? '', protocol, ports, to, from, direction, interface: device }];
}

const everywhere = new Set(['0.0.0.0/0', '::/0']);

/** Whether anybody may reach this TCP port: the first rule that speaks of it decides. */
export function ufwOpens(ufw: UfwFacts, port: number): boolean {
  for (const rule of ufw.rules) {
    if (rule.direction !== 'in' || rule.interface !== null || !everywhere.has(rule.from) || !everywhere.has(rule.to)) continue;
    if (rule.protocol !== 'any' && rule.protocol !== 'tcp') continue;
    if (!coversPort(rule.ports, port)) continue;
    return rule.action === 'allow' || rule.action === 'limit';
  }
  return ufw.input === 'ACCEPT';
}

export function ufwTrusts(ufw: UfwFacts, from: string): boolean {
  return ufw.rules.some(
    (rule) => rule.action === 'allow' && rule.direction === 'in' && rule.from === from && rule.ports === 'any' && everywhere.has(rule.to),
  );
}

/** `22`, `80,443` or `8000:8100`, as ufw and iptables write ports. */
export function coversPort(ports: string, port: number): boolean {
  if (ports === 'any') return true;
  return ports.split(',').some((part) => {
    const [first, last = first] = part.split(/[:-]/).map(Number);
    return first !== undefined && last !== undefined && port >= first && port <= last;
  });
}
