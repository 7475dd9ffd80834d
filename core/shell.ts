/**
 * The only builder of text for a shell. Values are single-quoted data in assignments; command text is constant.
 * POSIX sh, 2.2.2: inside single quotes every byte but the quote itself is literal.
 */
export function quote(value: string): string {
  if (value.includes('\0')) throw new TypeError('shell: a value cannot hold a NUL byte');
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** `K_name='value'` lines. Names are our own and checked. */
export function assign(data: Readonly<Record<string, string>>): string {
  return Object.entries(data)
    .map(([name, value]) => {
      if (!/^[a-z][A-Za-z0-9]{0,31}$/.test(name)) throw new TypeError(`shell: ${name} is no data name`);
      return `K_${name}=${quote(value)}\n`;
    })
    .join('');
}

/** A call of one function of the host library with its data, in a subshell that has neither the session's input nor its lock (9). */
export function call(name: string, data: Readonly<Record<string, string>>): string {
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(name)) throw new TypeError(`shell: ${name} is no function name`);
  return `(\n${assign(data)}${name}\n) </dev/null 9>&-\n`;
}
