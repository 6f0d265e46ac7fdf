import { createHmac } from "node:crypto";
import { appendFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Decision, definePlugin, type Exchange } from "mcp-host";
import { z } from "zod";

/** One JSON line for whatever was asked, answered or refused: who, what, by whom it was decided. Never arguments, only what tells equal ones. */
export default definePlugin({
  name: "audit",
  version: "1.0.0",
  host: "^1.0.0",
  enforce: "post",
  options: z.strictObject({ file: z.string().min(1), key: z.string().optional(), agents: z.boolean().default(false) }),
  apply(host, { file, key, agents }) {
    if (agents) host.keepHeaders("user-agent");
    const path = resolve(host.folder, file);
    const secret = key ?? host.random.bytes(32);
    const hash = (value: unknown) =>
      createHmac("sha256", secret)
        .update(JSON.stringify(value) ?? "")
        .digest("hex")
        .slice(0, 16);
    let lines: string[] = [];
    let writing: Promise<void> | undefined;
    async function flush(): Promise<void> {
      while (lines.length > 0) {
        const part = lines.join("");
        lines = [];
        await appendFile(path, part, { mode: 0o600 }).catch((error: unknown) =>
          host.log.error("the audit log cannot be written", { path, error: String(error) }),
        );
      }
      writing = undefined;
    }
    function write(kind: string, facts: object): void {
      if (lines.length >= 10_000) return void host.log.error("a line of the audit log is lost: the disk is too slow", { path });
      lines.push(`${JSON.stringify({ time: new Date(host.clock.now()).toISOString(), kind, ...facts })}\n`);
      writing ??= flush();
    }
    const by = ({ plugin, hook, did }: Decision) => `${plugin}.${hook}: ${did}`;
    const who = ({ id, caller, principal, parent, http, plugin }: Exchange) => ({
      id,
      parent: parent?.id,
      plugin,
      caller: hash(caller.id),
      principal: principal.id,
      endpoint: caller.endpoint,
      address: http?.address,
      agent: http?.headers["user-agent"],
    });
    const how = (outcome: Exchange["outcome"]) => {
      if (outcome === undefined) return { outcome: "none" };
      if ("cancelled" in outcome) return { outcome: "cancelled" };
      if ("error" in outcome)
        return { outcome: "error", code: outcome.error.code, type: (outcome.error.data as { type?: string } | undefined)?.type };
      return { outcome: outcome.result.isError === true ? "tool error" : "ok" };
    };
    host.hooks.settled.tap("audit", (exchange) => {
      const { method, entry, called, route, original, timings, sent, attempts, outcome, decisions } = exchange;
      write(exchange.isQuestion ? "question" : "request", {
        ...who(exchange),
        method,
        server: route?.upstream,
        entry: entry && `${entry.upstream}:${entry.native}`,
        called: called !== entry && called ? `${called.upstream}:${called.native}` : undefined,
        arguments: original.arguments === undefined ? undefined : hash(original.arguments),
        ms: Math.round((timings.end ?? timings.start) - timings.start),
        sent,
        attempts: attempts.length,
        ...how(outcome),
        by: decisions.map(by),
      });
    });
    host.hooks.transform.for("*").tap("audit", (params, exchange) => {
      if (exchange.method.startsWith("notifications/")) write("notification", { ...who(exchange), method: exchange.method });
      return params;
    });
    host.hooks.refused.tap("audit", ({ request, exchange, decision, type, status }) =>
      write("refused", {
        ...(exchange && who(exchange)),
        method: exchange?.method ?? request?.method,
        path: request?.path,
        address: request?.address,
        agent: request?.headers["user-agent"],
        type,
        status,
        by: decision && `${decision.plugin}.${decision.hook}`,
      }),
    );
    host.hooks.operated.tap("audit", ({ who, via, operation, plugin, params, outcome }) =>
      write("operated", { who, via, operation, plugin, params: hash(params), outcome }),
    );
    host.hooks.close.tap("audit", async () => writing);
  },
});
