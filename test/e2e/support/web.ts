import { request as plain } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Ask {
  path?: string;
  secure?: boolean;
  /** Another of this machine's addresses to come from. */
  from?: string;
}

/** One request to an app by its name, sent to the host's own address: the name needs no DNS, the certificate is not checked. */
export function ask(address: string, name: string, { path = '/', secure = true, from }: Ask = {}): Promise<Answer> {
  return new Promise((done, fail) => {
    const place = { host: address, port: secure ? 443 : 80, path, headers: { host: name }, agent: false as const, timeout: 10_000 };
    const options = { ...place, servername: name, rejectUnauthorized: false, ...(from === undefined ? {} : { localAddress: from }) };
    const asked = (secure ? request : plain)(options, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (text: string) => (body += text));
      answer.on('end', () => done({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
      answer.on('error', fail);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer within 10 s')));
    asked.on('error', fail);
    asked.end();
  });
}

/** Asks again and again until stop(); gives every answer that was not a 200. */
export function askOnAndOn(address: string, name: string): { stop(): Promise<{ asked: number; failures: string[]; bodies: string[] }> } {
  const end = new AbortController();
  let asked = 0;
  const failures: string[] = [];
  const bodies: string[] = [];
  const loop = async (): Promise<void> => {
    while (!end.signal.aborted) {
      asked += 1;
      const answer = await ask(address, name).catch((thrown: Error) => thrown);
      if (answer instanceof Error) failures.push(answer.message);
      else if (answer.status !== 200) failures.push(String(answer.status));
      else bodies.push(answer.body);
      await new Promise((next) => setTimeout(next, 30));
    }
  };
  const running = loop();
  return {
    stop: async () => {
      end.abort();
      await running;
      return { asked, failures, bodies };
    },
  };
}

/** Whether a TCP connection to a port comes about within two seconds. */
export function isOpen(address: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: address, port, timeout: 2_000 });
    const end = (open: boolean) => {
      socket.destroy();
      done(open);
    };
    socket.on('connect', () => end(true));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
  });
}
