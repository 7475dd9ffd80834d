import { pino } from 'pino';

/** What happens, for whoever runs Kipper. Never holds a secret: what is one is a Redacted. */
export interface Log {
  debug(text: string, fields?: Record<string, unknown>): void;
  info(text: string, fields?: Record<string, unknown>): void;
  warn(text: string, fields?: Record<string, unknown>): void;
  error(text: string, fields?: Record<string, unknown>): void;
}

/** JSON lines, or plain sentences where a person reads. */
export function makeLog(level: string, people: boolean, part: string): Log {
  const stream = people ? { write: (line: string) => process.stdout.write(sentence(line)) } : pino.destination({ fd: 1, sync: true });
  const log = pino({ level, base: { part }, timestamp: pino.stdTimeFunctions.isoTime }, stream);
  return {
    debug: (text, fields = {}) => log.debug(fields, text),
    info: (text, fields = {}) => log.info(fields, text),
    warn: (text, fields = {}) => log.warn(fields, text),
    error: (text, fields = {}) => log.error(fields, text),
  };
}

function sentence(line: string): string {
  const { level, time, part, msg, ...fields } = JSON.parse(line) as { level: number; time: string; part: string; msg: string };
  const rest = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`;
  return `${time.slice(11, 19)} ${part}${level >= 50 ? ' error' : level >= 40 ? ' warning' : ''}: ${msg}${rest}\n`;
}
