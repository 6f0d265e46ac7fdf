/**
 * The contract suite's fresh process: `node contract-process.js '<ContractTask>'`. It ends by itself and says nothing;
 * what it finds it throws, so that it ends with an error on stderr.
 */
import { createHook } from "node:async_hooks";
import { dirname } from "node:path";
import { isPluginFactory } from "../config/plugin-brand.ts";
import { importModule } from "../plugin/load.ts";
import { EACH_ERA } from "./contract-client.ts";
import { contractHost, entryOf } from "./contract-host.ts";
import { settled } from "./fake-clock.ts";
import { type ContractTask, DONE } from "./fresh-process.ts";

/** How long the process may live on when its work is done; one that ends by itself never waits for it. */
const LINGERING = 2_000;

/** The host's own files and the SDK's: their timers are theirs. */
const HOST = dirname(import.meta.dirname);
const OWN = [HOST, "@modelcontextprotocol"];

/** What the process's own output is, which Node 22 and later count as open once something has asked for it. */
const OWN_PIPES = new Set(["PipeWrap"]);

/** Every timer that is running, those included that keep no process alive, with where it was made. */
const timers = new Map<number, string>();

function watchTimers(): void {
  Error.stackTraceLimit = 50;
  createHook({
    init(id, type) {
      if (type === "Timeout") timers.set(id, new Error("made").stack ?? "");
    },
    destroy: (id) => void timers.delete(id),
  }).enable();
}

/** Where the timers were made that are still running and are not the host's. */
function runningTimers(): string[] {
  return [...timers.values()].flatMap((stack) => {
    // A signal's own timer ends with the signal; nobody can stop it.
    if (stack.includes("AbortSignal.timeout")) return [];
    const maker = stack.split("\n").find((line) => /file:|\(\/|at \/|[A-Z]:\\/.test(line) && !line.includes(import.meta.filename));
    return maker === undefined || OWN.some((own) => maker.includes(own)) ? [] : [`a timer that was made ${maker.trim()}`];
  });
}

/** What the whole process shares and a plugin could change. */
function surroundings(): Record<string, string> {
  const listeners = process
    .eventNames()
    .map((name) => [`listeners of the process for "${String(name)}"`, String(process.listenerCount(name))]);
  const globals = Object.getOwnPropertyNames(globalThis).map((name) => [`the global "${name}"`, "there"]);
  const variables = Object.entries(process.env).map(([name, value]) => [`the environment variable ${name}`, value]);
  return Object.fromEntries([...listeners, ...globals, ...variables, ["the working directory", process.cwd()]]);
}

/** What is there now and was not before, or is otherwise. */
function changes(before: Record<string, string>): string[] {
  const after = surroundings();
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((key) => before[key] !== after[key])
    .map((key) => `${key}: ${before[key] ?? "none"} before, ${after[key] ?? "none"} after`);
}

async function live({ file, options, upstreams, requests, beside }: ContractTask): Promise<void> {
  for (const eras of EACH_ERA) {
    const host = await contractHost([entryOf(file, options)], eras, upstreams, beside);
    await host.record(requests);
    await host[Symbol.asyncDispose]();
  }
}

async function importAlone({ file, name }: ContractTask): Promise<void> {
  const { default: factory } = await importModule(file);
  if (!isPluginFactory(factory)) throw new Error("the default export does not come from definePlugin()");
  if (factory.definition.name !== name) throw new Error(`the default export is plugin "${factory.definition.name}", not "${name}"`);
}

const task = JSON.parse(process.argv[2] ?? "") as ContractTask; // the suite wrote it
const before = surroundings();
watchTimers();
await (task.what === "import" ? importAlone(task) : live(task));
await settled();
const left = [...changes(before), ...runningTimers()];
if (left.length > 0) throw new Error(`left behind: ${left.join("; ")}`);
process.exitCode = DONE;
setTimeout(() => {
  const open = new Set(process.getActiveResourcesInfo().filter((name) => !OWN_PIPES.has(name)));
  process.stderr.write(`does not end by itself; still open: ${[...open].join(", ")}\n`);
  process.exit(1);
}, LINGERING).unref();
