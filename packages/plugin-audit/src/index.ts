import { readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { ConfigError, definePlugin, refuse, registerSecret, VERSION } from "mcp-host";
import type { z } from "zod";
import { Signer } from "./chain.ts";
import { Details } from "./details.ts";
import { Journal } from "./journal.ts";
import { type Options, options } from "./options.ts";
import { Records } from "./records.ts";
import { skipper } from "./skip.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type AuditOptions = z.input<typeof options>;

/** Keeps who did what, when, from where and with which decision, in a log whose changes are found. */
export const audit = definePlugin({
  name: "audit",
  version,
  host: "^1.0.0",
  options,
  commands: {
    query: () => import("./commands/query.ts"),
    verify: () => import("./commands/verify.ts"),
    export: () => import("./commands/export.ts"),
    "new-key": () => import("./commands/new-key.ts"),
  },
  apply(host, given) {
    const { hooks, clock, id } = host;
    const path = given.file === false ? undefined : resolve(host.folder, given.file);
    if (path !== undefined && !statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory())
      throw new ConfigError([`plugin "${id}": options.file: there is no folder ${dirname(path)}; make it, or name another file`]);
    for (const secret of [given.signing?.key, given.hashKey, given.webhook?.token]) if (secret !== undefined) registerSecret(secret);
    if (given.headers.length > 0) host.keepHeaders(...given.headers);
    const records = new Records(new Details(given.details, given.hashKey, given.maxDetail), clock);
    const journal = new Journal({
      host,
      path,
      options: given,
      signer: signerOf(given, id),
      started: { pid: process.pid, machine: hostname(), version: VERSION },
    });
    const skips = skipper(given.skip);

    hooks.settled.tap("audit", (exchange) => {
      if (skips(exchange.method)) return;
      // A call that was refused since nothing can be kept is counted, and not kept.
      const last = exchange.decisions.at(-1);
      if (last?.plugin === id && last.hook === "authorize" && journal.full !== undefined) return;
      journal.push(exchange.isQuestion ? "question" : "request", records.settled(exchange));
    });
    hooks.refused.tap("audit", (event) => journal.push("refused", records.refused(event)));
    hooks.operated.tap("audit", (event) => journal.push("operated", records.operated(event)));
    hooks.session.tap("audit", (event) => journal.push("session", records.session(event)));
    if (given.onFull === "refuse" || given.fsync === "always")
      hooks.authorize.for("*").tap("audit", (exchange) => {
        const reason = given.onFull === "refuse" ? journal.full : undefined;
        if (reason !== undefined) throw refused(reason);
        if (given.fsync !== "always" || skips(exchange.method)) return undefined;
        return journal.begun(records.begun(exchange)).then(
          () => undefined,
          (error: Error) => {
            if (given.onFull === "refuse") throw refused(error.message);
            return undefined; // it is counted
          },
        );
      });
    const refused = (reason: string): Error => {
      journal.refuse(reason);
      return refuse("overloaded", `no call is sent that cannot be recorded: ${reason}`, { retryAfterMs: 1_000 });
    };
    hooks.ready.tap("audit", async () => {
      try {
        await journal.open();
      } catch (error) {
        throw new ConfigError([`plugin "${id}": options.file: ${error instanceof Error ? error.message : String(error)}`]);
      }
    });
    hooks.close.tap("audit", () => journal.close());
    host.operator.report(() => journal.report());
  },
});

/** @throws ConfigError for what is no key */
function signerOf({ signing }: Options, id: string): Signer | undefined {
  if (!signing) return undefined;
  try {
    return new Signer(signing.key);
  } catch (error) {
    throw new ConfigError([`plugin "${id}": options.signing.key: ${(error as Error).message}`]); // it throws nothing else
  }
}

export default audit;
