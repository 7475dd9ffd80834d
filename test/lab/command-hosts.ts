import { labLogin } from './keys.ts';
import { withLock } from './lock.ts';
import { networkOf } from './network.ts';
import { isAlive } from './processes.ts';
import { sshArguments } from './reach.ts';
import { attach } from './shell.ts';
import { type HostRecord, type LabRecord, allLabs, removeLab, removeLeftovers } from './state.ts';

const isUp = (host: HostRecord): boolean => host.supervisor !== undefined && isAlive(host.supervisor);

function rows(labs: LabRecord[]) {
  return labs.flatMap((lab) =>
    lab.hosts.map((host) => ({
      lab: lab.number,
      name: host.name,
      address: host.address,
      address6: host.address6,
      port: host.port,
      hostKey: host.fingerprint,
      image: host.image,
      variants: host.variants,
      gateway: networkOf(lab.number).gateway,
      up: isUp(host),
    })),
  );
}

export async function list(json: boolean): Promise<number> {
  const hosts = rows(allLabs());
  if (json) process.stdout.write(`${JSON.stringify(hosts, null, 2)}\n`);
  else if (hosts.length === 0) process.stdout.write('No host is up; `bin/lab up` boots one.\n');
  else {
    process.stdout.write(
      `${'LAB'.padEnd(5)}${'NAME'.padEnd(16)}${'ADDRESS'.padEnd(18)}${'IMAGE'.padEnd(12)}${'STATE'.padEnd(7)}VARIANTS\n`,
    );
    for (const host of hosts) {
      const state = host.up ? 'up' : 'off';
      const start = `${String(host.lab).padEnd(5)}${host.name.padEnd(16)}${host.address.padEnd(18)}${host.image.padEnd(12)}`;
      process.stdout.write(`${start}${state.padEnd(7)}${host.variants.join(', ') || '-'}\n`);
    }
  }
  return 0;
}

/** NAME, or LAB/NAME when several labs have that name. */
export async function ssh(wanted: string, command: string[], say: (line: string) => void): Promise<number> {
  const all = allLabs().flatMap((lab) => lab.hosts.map((host) => ({ lab, host })));
  const found = all.filter(({ lab, host }) => host.name === wanted || `${lab.number}/${host.name}` === wanted);
  const [first] = found;
  if (!first || found.length > 1) {
    const names = all.map(({ lab, host }) => `${lab.number}/${host.name}`).join(', ');
    say(
      first
        ? `Several labs have a host '${wanted}': ${names}.`
        : `There is no host '${wanted}'; there ${names ? `are: ${names}` : 'is none'}.`,
    );
    return 2;
  }
  const login = await labLogin();
  return attach('ssh', [...sshArguments(first.lab.number, first.host, login), ...command]);
}

export async function down(say: (line: string) => void): Promise<number> {
  return withLock('labs', async () => {
    await removeLeftovers();
    for (const lab of allLabs()) {
      // A lab of a running test belongs to that test until it ends.
      if (!lab.detached) {
        say(`Lab ${lab.number} belongs to the running process ${lab.owner.pid}, which takes it down itself.`);
        continue;
      }
      await removeLab(lab.number);
      say(`Lab ${lab.number} is down (${lab.hosts.map((host) => host.name).join(', ') || 'no hosts'}).`);
    }
    return 0;
  });
}
