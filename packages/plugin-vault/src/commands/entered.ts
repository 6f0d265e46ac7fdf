import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { LONGEST } from "../secrets.ts";

/** Nobody at the terminal, or at the other end of a pipe, is nobody to wait for. */
const DEADLINE = 5 * 60_000;

/** A value from standard input: of a terminal what is typed, which nobody sees; else all of it, without the last line break. */
export async function entered(what: string): Promise<string> {
  const value = process.stdin.isTTY ? await typed(`${what}: `) : (await piped(what)).replace(/\r?\n$/, "");
  if (value.includes("\0"))
    throw new Error(`${what} has a NUL byte, which no variable and no header can hold; give it as text, such as Base64`);
  if (value === "")
    throw new Error(
      `nothing was given as ${what}; type it, or pipe it in: mcp-host never takes it as an argument, which every user of this machine can read`,
    );
  return value;
}

/** The same, typed twice where it is typed. */
export async function enteredTwice(what: string): Promise<string> {
  const value = await entered(what);
  if (process.stdin.isTTY && (await typed(`${what}, once more: `)) !== value)
    throw new Error(`${what} was typed in two ways; nothing was changed`);
  return value;
}

async function typed(question: string): Promise<string> {
  process.stderr.write(question);
  // Readline writes what is typed.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const line = createInterface({ input: process.stdin, output, terminal: true });
  const ended = new Promise<string>((resolve) => line.once("close", () => resolve("")));
  line.once("SIGINT", () => line.close());
  try {
    return await Promise.race([line.question("", { signal: AbortSignal.timeout(DEADLINE) }), ended]);
  } finally {
    line.close();
    process.stderr.write("\n");
  }
}

async function piped(what: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(
    () => process.stdin.destroy(new Error(`standard input did not end within five minutes; ${what} was expected there`)),
    DEADLINE,
  );
  try {
    for await (const piece of process.stdin as AsyncIterable<Buffer | string>) {
      const chunk = Buffer.from(piece as string);
      if ((bytes += chunk.length) > LONGEST + 2) throw new Error(`${what} has more than ${LONGEST} bytes`);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Error(`${what} is no UTF-8 text; give it as text, such as Base64`);
  }
}
