import type { IncomingMessage } from 'node:http';

export interface SseMessage {
  id: string | null;
  data: string;
}

/** The messages of a server-sent event stream (WHATWG HTML, 9.2), until it ends. */
export async function* readSse(stream: IncomingMessage): AsyncGenerator<SseMessage, void, void> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const part of stream as AsyncIterable<string>) {
    rest += part;
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const message = parse(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (message !== null) yield message;
    }
  }
}

function parse(block: string): SseMessage | null {
  const data: string[] = [];
  let id: string | null = null;
  for (const line of block.split('\n')) {
    if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
    else if (line.startsWith('id:')) id = line.slice(3).trim();
  }
  return data.length === 0 ? null : { id, data: data.join('\n') };
}
