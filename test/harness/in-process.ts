import { Console } from "node:console";
import { Readable, Writable } from "node:stream";
import { exitCodeOf } from "../../packages/host/dist/cli/main.js";
import { BIN } from "./hosts.ts";

/** What a command line has from the process that it runs in. */
export interface Surroundings {
  readonly cwd: string;
  /** With PRETEND_PLATFORM and PRETEND_TERMINAL as in test/fixtures/pretend.mjs. */
  readonly env: NodeJS.ProcessEnv;
  /** What comes on standard input. */
  readonly input: string;
}

export interface Output {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The command lines that were begun before: this process is one, so they run one after the other. */
let turns: Promise<unknown> = Promise.resolve();

/**
 * Runs a command line of `mcp-host` in this process, which plays another one meanwhile: its working directory, its environment, its standard
 * streams and its console. A test that asks for words and an exit code need not pay for a process. Where signals matter, or modules and
 * secrets that an earlier command has left in memory, start one.
 */
export function runInProcess(args: readonly string[], surroundings: Surroundings): Promise<Output> {
  const turn = turns.then(async () => {
    const stdout = new Sink();
    const stderr = new Sink();
    const back = play(args, surroundings, stdout, stderr);
    try {
      const code = await exitCodeOf([...args]);
      return { code, stdout: stdout.text, stderr: stderr.text };
    } finally {
      back();
    }
  });
  turns = turn.catch(() => {});
  return turn;
}

/** Gives what ends it. */
function play(args: readonly string[], { cwd, env, input }: Surroundings, stdout: Sink, stderr: Sink): () => void {
  const stdin = Readable.from(input === "" ? [] : [input]);
  if (env.PRETEND_TERMINAL) for (const stream of [stdin, stderr]) Object.assign(stream, { isTTY: true, setRawMode: () => stream });
  const replaced = Object.entries({
    stdin,
    stdout,
    stderr,
    argv: [process.execPath, BIN, ...args],
    platform: env.PRETEND_PLATFORM ?? process.platform,
  }).map(([name, value]) => {
    const own = Object.getOwnPropertyDescriptor(process, name) as PropertyDescriptor; // a process has each of them
    Object.defineProperty(process, name, { value, configurable: true, enumerable: true, writable: true });
    return [name, own] as const;
  });
  const before = { cwd: process.cwd(), env: { ...process.env }, console: globalThis.console };
  globalThis.console = new Console(stdout, stderr);
  process.chdir(cwd);
  setEnvironment(env);
  return () => {
    setEnvironment(before.env);
    process.chdir(before.cwd);
    globalThis.console = before.console;
    for (const [name, own] of replaced) Object.defineProperty(process, name, own);
  };
}

/** In place: what asks the system for a variable, as `os.homedir()` does, sees this one's. */
function setEnvironment(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
}

/** Keeps what is written. */
class Sink extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk;
    done();
  }
}
