import type { Awaitable } from "../exchange/awaitable.ts";

/** Where the values of `${word:name}` come from, for one word that a plugin brings. All of them are taken for secrets. */
export interface VariableSource {
  /**
   * The value, or undefined where there is none. Asked once for each name of a config, several at a time, and given up after 30 s.
   * @throws Error that says why it cannot be told, and what to do; it is told with the place of the reference
   */
  find(name: string): Awaitable<string | undefined>;
  /** What is told where there is none: what it is that is not there, and the remedy, as `the secret A is not set; run ...`. */
  unset(name: string): string;
}

/** Words that mean something without any plugin. */
export const OWN_WORDS: readonly string[] = ["env", "file", "input", "variable"];
