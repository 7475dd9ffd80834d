import { readdirSync, readFileSync } from 'node:fs';
import { assign, quote } from '../core/shell.ts';

export interface EnrolValues {
  /** The control plane's public origin. */
  url: string;
  enrolmentId: string;
  /** A checked server name: it is printed in commands to paste. */
  serverName: string;
  /** One authorized_keys line: our public key of this server. */
  publicKey: string;
  /** `sha256//…` of the certificate's public key when the control plane made its own, else null. */
  pin: string | null;
  /** For tests: another root folder, a folder of commands to find first, and the one who owns what is made. */
  sandbox?: { root: string; path: string; owner: string };
}

const folder = new URL('./parts/enrol/', import.meta.url);
const parts = readdirSync(folder)
  .filter((name) => name.endsWith('.sh'))
  .sort()
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  .join('\n');

/** The enrolment script: values as quoted assignments, functions, and a last line that calls main. The same values give the same bytes. */
export function enrolmentScript(values: EnrolValues): string {
  const { root, path, owner } = values.sandbox ?? { root: '', path: '', owner: '' };
  const data = {
    url: values.url,
    enrolment: values.enrolmentId,
    server: values.serverName,
    key: values.publicKey,
    pin: values.pin ?? '',
    root,
    path,
    owner,
  };
  return `#!/bin/sh\n# Kipper enrolment of one server. Read it, or run it with --dry-run; --uninstall takes everything back.\n${assign(data)}\n${parts}\nmain "$@"\n`;
}

/** What a person pastes. The token is on standard input only; with a pin the certificate's own key alone decides. */
export function pasteLine(values: Pick<EnrolValues, 'url' | 'enrolmentId' | 'pin'>, token: string): string {
  return `{ echo KIPPER_TOKEN=${token}; ${curlOf(values)}; } | sudo sh`;
}

/** Download, check, run: the script asks for the token on the terminal. */
export function checkLine(values: Pick<EnrolValues, 'url' | 'enrolmentId' | 'pin'>, scriptSha256: string): string {
  return `${curlOf(values)} -o enrol.sh && echo ${quote(`${scriptSha256}  enrol.sh`)} | sha256sum -c && sudo sh enrol.sh`;
}

function curlOf(values: Pick<EnrolValues, 'url' | 'enrolmentId' | 'pin'>): string {
  const address = `${values.url}/e/${values.enrolmentId}`;
  return values.pin === null ? `curl -fsSL ${address}` : `curl -fsSk --proto '=https' --pinnedpubkey ${quote(values.pin)} ${address}`;
}
