import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Plan } from '../core/plan.ts';
import type { RunRecord } from '../core/runs.ts';
import { runInputs } from '../core/runs.ts';
import type { Host } from '../test/lab/hosts.ts';
import { type Lab, openLab } from '../test/lab/lab.ts';
import { missingNeeds } from '../test/lab/needs.ts';
import { run } from '../test/lab/shell.ts';
import { runAudit } from '../workers/audit.ts';
import { runHarden } from '../workers/harden.ts';
import { endWithUs, gone, scratch } from './stage/ending.ts';
import { bootFleet, type Carried, carry } from './stage/fleet.ts';
import { countOf, hasTool, median, notRun, timed } from './stage/figures.ts';

/**
 * Audit and hardening of N lab hosts against Ansible bringing about the same end state (ansible/playbook.yml): cold on fresh
 * hosts, then unchanged. Both log in by SSH as the account `kipper` and become root by sudo; ours is the worker's own code.
 */
const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '1,5,20' },
    rounds: { type: 'string', default: '3' },
    'no-ansible': { type: 'boolean', default: false },
  },
});
const counts = values.hosts.split(',').map((text) => countOf('hosts', text, 20));
const wantedRounds = countOf('rounds', values.rounds, 20);

interface Side {
  name: string;
  harden(): Promise<unknown>;
}

const hardenOne = (host: Host): Promise<Carried> => carry(lab, host, 'harden', (job) => runHarden(job, runInputs.harden.parse({})));

function ansible(folder: string, hosts: readonly Host[], key: string): Side {
  const inventory = join(folder, `hosts-${hosts.length}`);
  const logins = 'kipper ops plain root';
  writeFileSync(inventory, hosts.map((host) => `${host.name} ansible_host=${host.address} ansible_port=${host.port}`).join('\n'));
  const home = join(folder, 'ansible');
  mkdirSync(home, { recursive: true });
  const words = [
    '-i',
    inventory,
    '-u',
    'kipper',
    '-b',
    '--private-key',
    key,
    '-e',
    JSON.stringify({ logins }),
    join(import.meta.dirname, 'ansible/playbook.yml'),
  ];
  const env = {
    ...process.env,
    ANSIBLE_CONFIG: join(import.meta.dirname, 'ansible/ansible.cfg'),
    ANSIBLE_HOME: home,
    ANSIBLE_LOCAL_TEMP: join(home, 'tmp'),
    ANSIBLE_SSH_CONTROL_PATH_DIR: join(home, 'cp'),
  };
  return {
    name: 'ansible',
    harden: async () => {
      const child = spawn('ansible-playbook', words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      endWithUs(child);
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (text: Buffer) => (said = (said + text.toString()).slice(-4000)));
      await gone(child);
      if (child.exitCode !== 0) throw new Error(`ansible-playbook ended with ${child.exitCode}: ${said}`);
    },
  };
}

interface Figures {
  cold: number[];
  unchanged: number[];
}

/** Fresh hosts for each side and round, so that nobody meets what the other has left. */
async function measure(
  lab: Lab,
  count: number,
  rounds: number,
  sideOf: (hosts: Host[]) => Side,
  onCold: (last: unknown) => void,
): Promise<Figures> {
  const figures: Figures = { cold: [], unchanged: [] };
  for (let round = 0; round < rounds; round += 1) {
    const hosts = await bootFleet(lab, count);
    const side = sideOf(hosts);
    let answer: unknown;
    figures.cold.push(await timed(async () => (answer = await side.harden())));
    onCold(answer);
    for (let again = 0; again < (count > 5 ? 1 : 2); again += 1) figures.unchanged.push(await timed(() => side.harden()));
    await Promise.all(hosts.map((host) => host.down()));
  }
  return figures;
}

function ours(hosts: readonly Host[]): Side {
  return { name: 'kipper', harden: () => Promise.all(hosts.map(hardenOne)) };
}

const finished = (record: RunRecord) => record.type === 'step' && record.state !== 'started';

/** Median time of each control's steps on one host. */
function dominating(done: readonly Carried[]): string {
  const times = new Map<string, number[]>();
  for (const { plan, records } of done) {
    const ofHost = new Map<string, number>();
    for (const record of records.filter(finished)) {
      if (record.type !== 'step') continue;
      const control = controlOf(plan, record.index);
      ofHost.set(control, (ofHost.get(control) ?? 0) + (record.durationMs ?? 0) / 1000);
    }
    for (const [control, seconds] of ofHost) times.set(control, [...(times.get(control) ?? []), seconds]);
  }
  const sorted = [...times].map(([control, seconds]) => [control, median(seconds)] as const).toSorted((a, b) => b[1] - a[1]);
  return sorted
    .slice(0, 5)
    .map(([control, seconds]) => `${control} ${seconds.toFixed(1)} s`)
    .join(', ');
}

const controlOf = (plan: Plan | null, index: number): string => plan?.steps[index]?.control ?? 'other';

function print(name: string, count: number, kipper: number[], other: number[] | undefined, goal: number): void {
  const own = median(kipper);
  if (other === undefined) return console.log(`${name}, ${count} hosts: kipper ${own.toFixed(1)} s`);
  const theirs = median(other);
  console.log(
    `${name}, ${count} hosts: kipper ${own.toFixed(1)} s, ansible ${theirs.toFixed(1)} s, ${(theirs / own).toFixed(1)} x (goal >= ${goal} x) ${theirs / own >= goal ? 'met' : 'MISSED'} [${kipper.length} and ${other.length} rounds]`,
  );
}

/** ansible-core alone lacks the module for ufw. */
async function withAnsible(): Promise<boolean> {
  const complete = async () =>
    hasTool('ansible-playbook') && (await run('ansible-doc', ['-l', 'community.general'])).stdout.includes('community.general.ufw');
  if (values['no-ansible'] || (await complete())) return !values['no-ansible'];
  console.log('installing the Debian package ansible');
  await run('sh', ['-c', 'apt-get update -qq; apt-get install -y -qq --no-install-recommends ansible'], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
  return complete();
}

const missing = await missingNeeds(console.log);
if (missing !== undefined) notRun(missing);
const compare = await withAnsible();
if (!compare) console.log('Ansible: not run');
const folder = scratch();
const lab = await openLab({ image: 'debian-12', say: console.log });
try {
  const [host] = await bootFleet(lab, 1);
  if (host !== undefined) {
    const audits: number[] = [];
    for (let round = 0; round < 5; round += 1) audits.push(await timed(() => carry(lab, host, 'audit', runAudit)));
    console.log(`audit of 1 host, connect included: ${median(audits).toFixed(2)} s [5 rounds]`);
    await host.down();
  }
  for (const count of counts) {
    const rounds = count > 5 ? 1 : Math.min(wantedRounds, count === 1 ? 20 : 3);
    const seen: Carried[] = [];
    const kipper = await measure(
      lab,
      count,
      rounds,
      (hosts) => ours(hosts),
      (last) => void seen.push(...(last as Carried[])),
    );
    const other = compare
      ? await measure(
          lab,
          count,
          count === 1 ? rounds : 1,
          (hosts) => ansible(folder, hosts, lab.login.identity),
          () => undefined,
        )
      : undefined;
    print('cold', count, kipper.cold, other?.cold, 10);
    print('unchanged', count, kipper.unchanged, other?.unchanged, 15);
    console.log(`  dominated by: ${dominating(seen)}`);
  }
} finally {
  await lab.close();
}
