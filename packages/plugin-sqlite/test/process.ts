import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Store } from "mcp-host";
import type { StoreProvider } from "mcp-host/testing";
import { onLines } from "../../../test/fixtures/lines.mjs";
import { MARKED } from "../../../test/harness/hosts.ts";

type Answer = { readonly value?: unknown; readonly error?: string };

/** A host with a store file in a process of its own. */
export interface HostProcess extends StoreProvider {
  readonly child: ChildProcess;
  ask(what: string, given?: Record<string, unknown>): Promise<unknown>;
  /** Numbers that it says it has written. */
  readonly written: number[];
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals | null>;
  close(): Promise<void>;
}

export async function hostProcess(file: string): Promise<HostProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "process.mjs"), file], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...MARKED },
  });
  const exited = new Promise<number | NodeJS.Signals | null>((ended) => child.once("exit", (code, signal) => ended(code ?? signal)));
  child.stdin.on("error", () => {}); // it has ended, and `exited` says how
  const waiting = new Map<string, (answer: Answer) => void>();
  const listeners = new Map<string, (message: unknown) => void>();
  const written: number[] = [];
  let ready: () => void = () => {};
  const started = new Promise<void>((done) => {
    ready = done;
  });
  onLines(child.stdout, (line) => {
    const said = JSON.parse(line);
    if (said.ready) ready();
    else if (said.written !== undefined) written.push(said.written);
    else if (said.heard !== undefined) listeners.get(said.heard)?.(said.message);
    else {
      waiting.get(said.id)?.(said);
      waiting.delete(said.id);
    }
  });
  const gone = exited.then((how): Answer => ({ error: `the process ended with ${how}` }));
  const ask = async (what: string, given: Record<string, unknown> = {}): Promise<unknown> => {
    const id = randomUUID();
    const answered = new Promise<Answer>((done) => waiting.set(id, done));
    child.stdin.write(`${JSON.stringify({ id, what, ...given })}\n`);
    const { value, error } = await Promise.race([answered, gone]);
    if (error !== undefined) throw new Error(error);
    return value;
  };
  if ((await Promise.race([started, gone])) !== undefined) throw new Error("the process ended before it was ready");
  return {
    child,
    ask,
    written,
    exited,
    store: (name) => remoteStore(name, ask, listeners),
    async close() {
      await ask("close");
      await exited;
    },
  };
}

/** A store of the process as one of this process. */
function remoteStore(store: string, ask: HostProcess["ask"], listeners: Map<string, (message: unknown) => void>): Store {
  return {
    get: (key) => ask("get", { store, key }),
    set: async (key, value, ttl) => void (await ask("set", { store, key, value, ttl })),
    delete: async (key) => void (await ask("delete", { store, key })),
    increment: async (key, by, ttl) => (await ask("increment", { store, key, by, ttl })) as number, // as the store gives it
    async update(key, change, ttl) {
      let expected = await ask("get", { store, key });
      for (;;) {
        const value = change(expected);
        const { swapped, found } = (await ask("swap", { store, key, expected, value, ttl })) as { swapped: boolean; found?: unknown }; // as process.mjs says it
        if (swapped) return value;
        expected = found;
      }
    },
    async lease(name, ttl) {
      const lease = randomUUID();
      if (!(await ask("lease", { store, name, ttl, lease }))) return undefined;
      return {
        renew: async (more) => (await ask("renew", { lease, ttl: more })) === true,
        release: async () => void (await ask("release", { lease })),
      };
    },
    publish: async (channel, message) => void (await ask("publish", { store, channel, message })),
    subscribe(channel, listener) {
      const subscription = randomUUID();
      listeners.set(subscription, listener);
      void ask("subscribe", { store, channel, subscription });
      return () => {
        if (listeners.delete(subscription)) void ask("unsubscribe", { subscription });
      };
    },
  };
}
