/** A reader that does not take one message for so long is let go; it resumes with Last-Event-ID. */
const stallMs = 30_000;
/** A comment line keeps proxies from closing a quiet stream. */
const quietMs = 15_000;

export interface SseMessage {
  id: number;
  data: string;
}

export interface SseParts {
  messages: AsyncGenerator<SseMessage, void, void>;
  /** Ends the generator; called once, however the stream ends. */
  stop(): void;
  /** Asked before each write: false ends the stream. */
  mayGoOn(): boolean;
  stallMs?: number;
  quietMs?: number;
}

/**
 * An SSE body that is pulled: one message at a time leaves the record, when the socket has room for it. So a stalled
 * reader holds one message and a timer, and the timer drops the connection.
 */
export function sseBody(parts: SseParts): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let pending: Promise<IteratorResult<SseMessage, void>> | undefined;
  let stalled: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(stalled);
    parts.stop();
  };
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode('retry: 2000\n\n')),
      async pull(controller) {
        clearTimeout(stalled);
        pending ??= parts.messages.next();
        const next = await orQuiet(pending, parts.quietMs ?? quietMs);
        if (next !== 'quiet') pending = undefined;
        if ((next !== 'quiet' && next.done === true) || !parts.mayGoOn()) {
          stop();
          controller.close();
          return;
        }
        controller.enqueue(encoder.encode(next === 'quiet' ? ': \n\n' : `id: ${next.value.id}\ndata: ${next.value.data}\n\n`));
        stalled = setTimeout(() => {
          stop();
          controller.error(new Error('the reader stalled'));
        }, parts.stallMs ?? stallMs);
      },
      cancel: stop,
    },
    { highWaterMark: 1 },
  );
}

async function orQuiet<T>(pending: Promise<T>, afterMs: number): Promise<T | 'quiet'> {
  let timer: NodeJS.Timeout | undefined;
  const quiet = new Promise<'quiet'>((resolve) => {
    timer = setTimeout(() => resolve('quiet'), afterMs);
  });
  try {
    return await Promise.race([pending, quiet]);
  } finally {
    clearTimeout(timer);
  }
}
