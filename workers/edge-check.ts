import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../core/control.ts';

/** A pod that comes back after a reboot takes a moment; what is closed stays closed. */
const patienceMs = 60_000;

/** The front door as this worker sees it from outside: HTTP goes to HTTPS, and HTTPS answers. What does not is a Finding, not a failure. */
export async function checkEdge(address: string, domain: string, waitMs = patienceMs): Promise<Finding[]> {
  const until = Date.now() + waitMs;
  let wrong = await look(address, `kipper-check.${domain}`);
  while (wrong.length > 0 && Date.now() < until) {
    await sleep(2_000);
    wrong = await look(address, `kipper-check.${domain}`);
  }
  if (wrong.length === 0) return [];
  return [
    {
      control: 'edge-reachable',
      title: 'the front door does not answer from outside',
      severity: 'high',
      evidence: `asked from here at ${address}: ${wrong.join('; ')}`,
      hint: 'open TCP 80 and 443 in the firewall of your provider; on the server look at k3s kubectl -n kipper-ingress get pods',
      standards: [],
      remedy: 'owner',
    },
  ];
}

/** The ingress learns of a route shortly after the API server did. */
const routeMs = 3_000;

/** Waits until a host name is known to the ingress at an address, at most 3 s: a URL that is handed out should answer. */
export async function awaitRoute(address: string, host: string, signal: AbortSignal): Promise<void> {
  const until = Date.now() + routeMs;
  for (;;) {
    const answered = await status(secure, address, 443, host);
    if ((answered !== null && answered !== 404) || Date.now() > until) return;
    await sleep(100, undefined, { signal });
  }
}

async function look(address: string, host: string): Promise<string[]> {
  const [http, https] = await Promise.all([status(plain, address, 80, host), status(secure, address, 443, host)]);
  return [
    ...(http === 301 || http === 308 ? [] : [`port 80 ${http === null ? 'does not answer' : `answers ${http} instead of a redirect`}`]),
    ...(https !== null && https < 500 ? [] : [`port 443 ${https === null ? 'does not answer' : `answers ${https}`}`]),
  ];
}

function status(ask: typeof plain | typeof secure, address: string, port: number, host: string): Promise<number | null> {
  return new Promise((resolve) => {
    const asked = ask(
      { host: address, port, path: '/', servername: host, headers: { host }, rejectUnauthorized: false, timeout: 5_000 },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? null);
      },
    );
    asked.once('error', () => resolve(null)).once('timeout', () => asked.destroy(new Error('timeout')));
    asked.end();
  });
}
