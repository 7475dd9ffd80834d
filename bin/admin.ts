import { readConfig } from '../services/config.ts';
import { resetPassword } from '../services/people/reset-password.ts';
import { makeSetupLink } from '../services/people/setup.ts';
import { openBeside, openRecord } from '../services/record.ts';
import { rotateKey } from '../services/vault/rotate.ts';

/** Acts of whoever has the data folder and the key file; each is an Event. */

export async function rotateKeys(): Promise<void> {
  const record = await openRecord(readConfig(process.env), () => {});
  try {
    const values = rotateKey(record.ctx);
    process.stdout.write(`kipper: ${record.ctx.config.keyFile} is new; ${values} sealed values were sealed again. Back the key file up.\n`);
  } finally {
    record.close();
  }
}

export function setupLink(): void {
  const record = openBeside(readConfig(process.env));
  try {
    process.stdout.write(`Set Kipper up within 30 minutes, once:\n  ${makeSetupLink(record.ctx).url.reveal()}\n`);
  } finally {
    record.close();
  }
}

export async function newPassword(email: string, ask: () => Promise<string>): Promise<void> {
  const record = openBeside(readConfig(process.env));
  try {
    const ended = await resetPassword(record.ctx, email, await ask());
    process.stdout.write(`\nkipper: the password was changed; ${ended} sessions ended\n`);
  } finally {
    record.close();
  }
}
