import { escapeControls } from "../../log.ts";
import { isTerminal } from "./colours.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const TICK = 100;
const CLEAR = "\r\u001b[K";

/**
 * Shows on a terminal what is being waited for, in one line of standard error that is drawn anew. What else is written there
 * meanwhile stands above it. Into a pipe nothing is written.
 * @param words at most a line; asked for at every tick
 * @returns what takes the line away, once
 */
export function showProgress(words: () => string): () => void {
  const { stderr } = process;
  if (!isTerminal(stderr)) return () => {};
  const write = stderr.write;
  let ticks = 0;
  let ended = false;
  const timer = setInterval(() => {
    const line = `${FRAMES[ticks++ % FRAMES.length]} ${escapeControls(words())}`;
    write.call(stderr, `${CLEAR}${line.slice(0, Math.max(1, (stderr.columns || 80) - 1))}`);
  }, TICK);
  stderr.write = ((...args: Parameters<typeof write>) => {
    write.call(stderr, CLEAR);
    return write.apply(stderr, args);
  }) as typeof write; // one of its overloads, as it is called
  return () => {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    stderr.write = write;
    if (ticks > 0) write.call(stderr, CLEAR);
  };
}
