import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import type { Finding } from '../core/control.ts';

/** The front door as this worker sees it from outside: HTTP goes to HTTPS, and HTTPS answers. What does not is a Finding, not a failure. */
export async function checkEdge(address: string, domain: string): Promise<Finding[]> {
  const host = `kipper-check.${domain}`;
  const [http, https] = await Promise.all([status(plain, address, 80, host), status(secure, address, 443, host)]);
  const wrong = [
    ...(http === 301 || http === 308 ? [] : [`port 80 ${http === null ? 'does not answer' : `answers ${http} instead of a redirect`}`]),
    ...(https !== null && https < 500 ? [] : [`port 443 ${https === null ? 'does not answer' : `answers ${https}`}`]),
  ];
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
