import { createInterface, type Interface } from "node:readline";
import { escapeControls } from "../../log.ts";
import { EXIT } from "../command-line/exit.ts";
import { Interrupted } from "../command-line/interrupted.ts";

/** Whether somebody is there to answer. Questions go to standard error: results may be piped away. */
export function isAsking(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** A conversation on the terminal; to be closed. An answer that never comes (Ctrl-C, Ctrl-D) ends the command. */
export class Dialogue implements Disposable {
  readonly #terminal: Interface;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#terminal = createInterface({ input: process.stdin, output: process.stderr, prompt: "" });
    this.#lines = this.#terminal[Symbol.asyncIterator]();
  }

  /** One line, without spaces around it; "" where only Enter was pressed. */
  async ask(question: string): Promise<string> {
    this.#terminal.setPrompt(`${escapeControls(question)} `);
    this.#terminal.prompt();
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Interrupted(EXIT.interrupted.code);
    return value.trim();
  }

  /** Yes or no. @param usual what Enter alone says */
  async confirm(question: string, usual: boolean): Promise<boolean> {
    for (;;) {
      const answer = (await this.ask(`${question} [${usual ? "Y/n" : "y/N"}]`)).toLowerCase();
      if (answer === "") return usual;
      if (answer === "y" || answer === "yes") return true;
      if (answer === "n" || answer === "no") return false;
    }
  }

  [Symbol.dispose](): void {
    this.#terminal.close();
  }
}
