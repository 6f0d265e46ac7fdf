import type { Answers } from "./answers.ts";
import type { Question } from "./question.ts";
import type { Text } from "./written-text.ts";

/** A server's entry before it is written: of each text it is known whose it is. */
export type Draft =
  | {
      readonly command: Text;
      readonly args: readonly Text[];
      readonly env: readonly (readonly [name: string, value: Text])[];
      readonly cwd?: string;
      /** Before which argument the names of variables are passed on, each behind `-e`, where a container has its own. */
      readonly passedAt?: number;
    }
  | { readonly type: "http" | "sse"; readonly url: Text; readonly headers: readonly (readonly [name: string, value: Text])[] };

/** A server as a registry or a bundle describes it. To be disposed of: what it has unpacked goes, unless it was kept. */
export interface Described extends AsyncDisposable {
  /** What it is called where it comes from, with its version. */
  readonly title: string;
  /** What it may be called in a config. */
  readonly name: string;
  /** What it is and where it comes from, a line each. */
  readonly about: readonly string[];
  /** What there is to be careful of, a line each. */
  readonly warnings: readonly string[];
  readonly questions: readonly Question[];
  /** @throws UsageError where no entry can be made of the answers */
  draft(answers: Answers): Draft;
  /** Puts what the entry needs where it stays; gives what takes it back. */
  keep(): Promise<() => Promise<void>>;
}
