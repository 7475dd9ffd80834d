const interrupted = 130;
const takers: (() => void)[] = [];
let held = 0;
let wanted = false;

/** Ctrl-C ends kip with 130; whoever took it decides instead. The other signals end it too, so that what `atExit` holds is done. */
export function listenForSignals(): void {
  process.on('SIGINT', () => {
    const taker = takers.at(-1);
    if (taker !== undefined) taker();
    else if (held > 0) wanted = true;
    else process.exit(interrupted);
  });
  process.on('SIGTERM', () => process.exit(143));
  process.on('SIGHUP', () => process.exit(129));
}

/** Ctrl-C is handed to `taker` until the answer is called. */
export function takeInterrupts(taker: () => void): () => void {
  takers.push(taker);
  return () => void takers.splice(takers.indexOf(taker), 1);
}

/** For what must not be left half done: a Ctrl-C waits until it is over. */
export async function uninterrupted<T>(work: () => Promise<T>): Promise<T> {
  held += 1;
  try {
    return await work();
  } finally {
    held -= 1;
    if (held === 0 && wanted) process.exit(interrupted);
  }
}

const last = new Set<() => void>();

/** Done at the end of the process, however it ends, unless the answer was called before: that does it now. */
export function atExit(work: () => void): () => void {
  if (last.size === 0) process.once('exit', () => last.forEach((each) => each()));
  last.add(work);
  return () => {
    if (last.delete(work)) work();
  };
}
