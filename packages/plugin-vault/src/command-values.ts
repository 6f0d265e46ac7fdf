import { spawn } from "node:child_process";
import { reasonOf } from "./problem.ts";

/** Bytes that a program may write; no secret is longer. */
const LARGEST = 64 * 1024;
/** Of what a program says of its failure, so many characters are told. */
const SAID = 200;

export interface RunOptions {
  /** Programs that may be run, as they are named. */
  readonly allowed: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
  readonly cwd: string;
  /** What is in no child's environment: the passphrase of the vault. */
  readonly without: string | undefined;
}

/**
 * Runs a program, without a shell, and gives what it wrote to its standard output, without the last line break.
 * @param line program and arguments, apart by blanks; quotes keep blanks together
 * @throws Error that names the program, and none of its arguments
 */
export function valueFrom(line: string, { allowed, timeout, cwd, without }: RunOptions): Promise<string> {
  const [program = "", ...args] = wordsIn(line);
  const quoted = JSON.stringify(program);
  if (!allowed.includes(program))
    return Promise.reject(
      new Error(`\${cmd:...} may not run ${quoted}; the operator allows it by "commands": [${quoted}] in the options of plugin "vault"`),
    );
  return new Promise((resolve, reject) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => without === undefined || value !== without));
    // A group of its own, so that what it starts ends with it.
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: process.platform !== "win32" });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let said = "";
    let why: string | undefined;
    const stop = (reason: string): void => {
      why ??= reason;
      kill(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => stop(`did not end within ${timeout} ms`), timeout);
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if ((bytes += chunk.length) > LARGEST) stop(`wrote more than ${LARGEST} bytes`);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (said.length < SAID) said += chunk.toString();
    });
    const end = (reason: string | undefined): void => {
      clearTimeout(timer);
      if (reason !== undefined) return reject(new Error(`\${cmd:...}: ${quoted} ${reason}`));
      resolve(
        Buffer.concat(chunks)
          .toString()
          .replace(/\r?\n$/, ""),
      );
    };
    child.once("error", (error) => end(`cannot be run: ${reasonOf(error)}`));
    child.once("close", (code, signal) => {
      if (why !== undefined) return end(why);
      const [first = ""] = said.trim().split("\n", 1);
      if (code !== 0) return end(`ended with ${signal ?? `code ${code}`}${first === "" ? "" : `: ${first.slice(0, SAID)}`}`);
      end(bytes === 0 ? "wrote nothing" : undefined);
    });
  });
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // it ended meanwhile
  }
}

/** The words of a line: apart by blanks, which quotes of either kind keep. */
export function wordsIn(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (const character of line) {
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= "";
    } else if (character === " " || character === "\t" || character === "\n") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote !== undefined) throw new Error(`\${cmd:...}: a quote (${quote}) is never closed`);
  if (word !== undefined) words.push(word);
  return words;
}
