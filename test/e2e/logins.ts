import { readFileSync } from 'node:fs';
import ssh2 from 'ssh2';
import type { Host } from '../lab/hosts.ts';
import type { Login as LabLogin } from '../lab/keys.ts';

/** One way into a host: an account with the lab's key or with its password. */
export interface Login {
  user: string;
  by: 'key' | 'password';
}

const ways: readonly Login[] = [
  { user: 'root', by: 'key' },
  { user: 'root', by: 'password' },
  { user: 'ops', by: 'key' },
  { user: 'ops', by: 'password' },
  { user: 'plain', by: 'key' },
  { user: 'kipper', by: 'key' },
];

/** Every account that can log in now, each by its password where that works, else by its key. */
export async function loginsOf(host: Host, lab: LabLogin): Promise<Login[]> {
  const open = await Promise.all(ways.map(async (way) => ({ way, works: await logsIn(host, lab, way) })));
  const working = open.filter((each) => each.works).map((each) => each.way);
  return working.filter((way) => way.by === 'password' || !working.some((other) => other.user === way.user && other.by === 'password'));
}

/** A fresh TCP connection, a login and a command. A login waits for systemd's own session, which is slow on a busy machine. */
export function logsIn(host: Host, lab: LabLogin, { user, by }: Login, timeoutMs = 20_000): Promise<boolean> {
  return new Promise((resolve) => {
    const client = new ssh2.Client();
    const done = (works: boolean): void => {
      clearTimeout(timer);
      client.destroy();
      resolve(works);
    };
    const timer = setTimeout(() => done(false), timeoutMs);
    client.on('error', () => done(false)).on('close', () => done(false));
    client.on('ready', () => {
      client.exec('id -un', (error, channel) => {
        if (error !== undefined) return done(false);
        let said = '';
        channel.on('data', (chunk: Buffer) => (said += chunk.toString()));
        channel.on('close', () => done(said.trim() === user));
      });
    });
    client.connect({
      host: host.address,
      port: host.port,
      username: user,
      readyTimeout: timeoutMs,
      ...(by === 'key' ? { privateKey: readFileSync(lab.identity) } : { password: lab.password }),
    });
  });
}
