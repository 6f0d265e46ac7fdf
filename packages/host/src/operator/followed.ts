/** Lines that wait for one reader, and UTF-16 units of them. */
const LINES = 2_048;
const CHARACTERS = 2 * 1024 * 1024;

/** Takes lines as they come. */
export interface LineReader {
  read(line: string): void;
  /** Nothing more comes. */
  end(): void;
}

/**
 * Lines for whoever takes them one by one; of one who is slow only so many wait.
 * @param begin hands lines to a reader from now on, and gives what ends that
 * @param missing what is given in the place of those that there was no room for
 * @param signal ends it, whether somebody reads or not
 */
export function followed(
  begin: (reader: LineReader) => () => void,
  missing: (lines: number) => string,
  signal: AbortSignal,
): AsyncIterable<string> {
  const waiting: string[] = [];
  let characters = 0;
  let missed = 0;
  let isOver = signal.aborted;
  let wake: (() => void) | undefined;
  const stop = begin({
    read(line) {
      if (waiting.length >= LINES || characters + line.length > CHARACTERS) missed++;
      else {
        waiting.push(line);
        characters += line.length;
      }
      wake?.();
    },
    end() {
      isOver = true;
      wake?.();
    },
  });
  const abort = (): void => {
    isOver = true;
    waiting.length = 0;
    missed = 0;
    stop();
    wake?.();
  };
  // What has ended by itself may still have lines that wait.
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });

  async function* lines(): AsyncGenerator<string> {
    try {
      while (true) {
        const line = waiting.shift();
        if (line !== undefined) {
          characters -= line.length;
          yield line;
        } else if (missed > 0) {
          const before = missed;
          missed = 0;
          yield missing(before);
        } else if (isOver) return;
        else {
          await new Promise<void>((resolve) => (wake = resolve));
          wake = undefined;
        }
      }
    } finally {
      signal.removeEventListener("abort", abort);
      stop();
    }
  }
  return lines();
}
