import { spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { temporary } from "./hosts.ts";

/** A browser of this machine, as Debian calls it; undefined where there is none. Nothing is downloaded. */
export const BROWSER = ["chromium", "chromium-browser", "google-chrome"].find((name) => spawnSync(name, ["--version"]).status === 0);

export interface Page extends AsyncDisposable {
  /** Runs a script in the page; gives what it, or its promise, comes to. */
  run<T>(script: string): Promise<T>;
  /** Goes to another address, as from its bar. */
  go(url: URL): Promise<void>;
  /** Presses the mouse in the middle of what a selector finds, as a hand does. */
  click(selector: string): Promise<void>;
  /** What the page complained of: errors of its scripts, and what its policy forbade. */
  readonly complaints: string[];
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: {
    readonly exceptionDetails?: { readonly text: string };
    readonly entry?: { readonly level: string; readonly text: string };
  };
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** Opens a page in a browser of its own. It is spoken to over pipes, in Chrome's DevTools protocol: messages end with a NUL. */
export async function openPage(url: URL): Promise<Page> {
  if (BROWSER === undefined) throw new Error("there is no browser here");
  const folder = temporary();
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
  ];
  const browser = spawn(BROWSER, [...flags, "--remote-debugging-pipe", `--user-data-dir=${folder.path}`, "about:blank"], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    detached: true, // a group, so that its helpers end with it
  });
  const exited = new Promise<void>((done) => browser.once("exit", () => done()));
  const [, , , to, from] = browser.stdio as unknown as [null, null, null, Writable, Readable]; // as they were asked for
  const waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>();
  const complaints: string[] = [];
  let rest = "";
  to.on("error", () => {}); // it has gone: `exited` tells
  from.setEncoding("utf8").on("data", (chunk: string) => {
    const messages = (rest + chunk).split("\0");
    rest = messages.pop() ?? "";
    for (const each of messages) {
      const { id, params, result = {}, error } = JSON.parse(each) as Answer;
      const asked = id === undefined ? undefined : waiting.get(id);
      if (asked && id !== undefined) {
        waiting.delete(id);
        if (error) asked.reject(new Error(error.message));
        else asked.resolve(result);
      }
      if (params?.exceptionDetails) complaints.push(params.exceptionDetails.text);
      if (params?.entry?.level === "error") complaints.push(params.entry.text);
    }
  });
  void exited.then(() => {
    for (const { reject } of waiting.values()) reject(new Error("the browser has ended"));
  });
  let last = 0;
  const send = (method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
    });
  const close = async (): Promise<void> => {
    await Promise.race([send("Browser.close").catch(() => {}), exited]);
    const late = setTimeout(() => browser.kill("SIGKILL"), 10_000);
    await exited;
    clearTimeout(late);
    try {
      if (browser.pid !== undefined) process.kill(-browser.pid, "SIGKILL");
    } catch {} // all have ended
    // Those that were just ended may have made a file meanwhile.
    rmSync(folder.path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    folder[Symbol.dispose]();
  };
  try {
    const { targetId } = await send("Target.createTarget", { url: "about:blank" });
    const sessionId = String((await send("Target.attachToTarget", { targetId, flatten: true })).sessionId);
    for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`, {}, sessionId);
    await send("Page.navigate", { url: url.href }, sessionId);
    const run = async <T>(expression: string): Promise<T> => {
      const given = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, sessionId);
      if (given.exceptionDetails) throw new Error(`the page's script failed: ${JSON.stringify(given.exceptionDetails)}`);
      return (given.result as { value: T }).value; // by value, as asked
    };
    return {
      complaints,
      run,
      go: async (to) => void (await send("Page.navigate", { url: to.href }, sessionId)),
      async click(selector) {
        const [x, y] = await run<[number, number]>(
          `(({ left, top, width, height }) => [left + width / 2, top + height / 2])(document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect())`,
        );
        for (const type of ["mousePressed", "mouseReleased"])
          await send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 }, sessionId);
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
