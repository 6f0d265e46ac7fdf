import { isAsking } from "../terminal/dialogue.ts";

/** As terminals send them. */
const INTERRUPT = "\u0003";
const END_OF_INPUT = "\u0004";
const ESCAPE = "\u001b";
/** What makes an arrow, or another key that is several characters, of the one before it. */
// linear: what is repeated cannot be the character behind it
const SEQUENCE = /^(?:[[O][0-9;]*)?[A-Za-z~]?/;

/** What is done for each key. */
export type Keys = Readonly<Record<string, () => void>>;

/**
 * Listens to single keys where somebody is at a terminal, and nowhere else. Ctrl-C is what it always is.
 * @returns ends it
 */
export function followKeys(keys: Keys, end: () => void): () => void {
  const { stdin } = process;
  if (!isAsking()) return () => {};
  const read = (typed: string): void => {
    const [plain = "", ...escaped] = typed.split(ESCAPE);
    for (const key of [plain, ...escaped.map((part) => part.replace(SEQUENCE, ""))].join("").toLowerCase()) {
      // The terminal makes no signal of it while keys come one by one.
      if (key === INTERRUPT) process.emit("SIGINT", "SIGINT");
      else if (key === END_OF_INPUT) end();
      else if (Object.hasOwn(keys, key)) keys[key]?.();
    }
  };
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.on("data", read);
  stdin.once("end", end); // the terminal was closed
  return () => {
    stdin.off("data", read);
    stdin.off("end", end);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
