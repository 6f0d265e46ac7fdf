import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { choices, type Input } from "../../config/inputs.ts";
import { escapeControls } from "../../log.ts";
import { EXIT } from "./exit.ts";
import { Interrupted } from "./interrupted.ts";

/** Nobody at the terminal is nobody to wait for. */
const DEADLINE = 5 * 60_000;

/**
 * Asks a person at the terminal for an input of the config, on standard error, for standard output may be a result. An empty
 * answer stands for the default.
 * @returns undefined without an answer within five minutes, or where standard input ends
 */
export async function askInput(input: Input): Promise<string | undefined> {
  const options = choices(input);
  const otherwise = input.default === undefined || input.password ? "" : ` [${input.default}]`;
  const lines = options.map((option, index) => `  ${index + 1}. ${option}\n`).join("");
  process.stderr.write(escapeControls(`${input.description ?? `A value for the input "${input.id}"`}${otherwise}\n${lines}`));
  // Readline writes what is typed; of a password nobody is to see it.
  const output = input.password ? new Writable({ write: (_chunk, _encoding, done) => done() }) : process.stderr;
  const line = createInterface({ input: process.stdin, output, terminal: true });
  const deadline = AbortSignal.timeout(DEADLINE);
  const ended = new Promise<undefined>((resolve) => line.once("close", () => resolve(undefined)));
  let interrupted = false;
  // Ctrl-C: in raw mode it comes as a key and not as a signal.
  line.once("SIGINT", () => {
    interrupted = true;
    line.close();
  });
  try {
    if (input.password) process.stderr.write("> ");
    for (;;) {
      const answer = await Promise.race([line.question("> ", { signal: deadline }), ended]);
      if (interrupted) throw new Interrupted(EXIT.interrupted.code);
      if (answer === undefined) return undefined;
      if (answer === "") return input.default;
      if (input.type !== "pickString") return answer;
      const picked = options.includes(answer) ? answer : options[Number(answer) - 1];
      if (picked !== undefined) return picked;
      process.stderr.write(`Answer with a number from 1 to ${options.length}.\n`);
    }
  } catch (error) {
    if (deadline.aborted) return undefined;
    throw error;
  } finally {
    line.close();
    if (input.password) process.stderr.write("\n");
  }
}
