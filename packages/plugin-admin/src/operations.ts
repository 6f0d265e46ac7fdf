import { type Json, type PluginHost, refuse } from "mcp-host";
import { z } from "zod";
import type { Calls } from "./calls.ts";
import type { Resolved } from "./options.ts";
import type { Setup } from "./setup.ts";

/** Milliseconds for the kept lines of the log, which are there already. */
const LINES_DEADLINE = 5_000;

const call = z.looseObject({
  id: z.string(),
  time: z.string(),
  ms: z.number(),
  method: z.string(),
  entry: z.string().optional(),
  upstream: z.string().optional(),
  principal: z.string(),
  client: z.string(),
  outcome: z.string(),
});

/** What the plugin offers to operators itself: the requests that it keeps, and the last lines of the log. */
export function offerOperations(host: PluginHost, calls: Calls): void {
  host.operator.operation(
    "calls",
    ({ limit, entry, method, principal, outcome, before }) => {
      const found: Json[] = [];
      let isPast = before === undefined;
      for (const each of calls.all()) {
        if (
          isPast &&
          (entry ?? each.entry) === each.entry &&
          (method ?? each.method) === each.method &&
          (principal ?? each.principal) === each.principal &&
          (outcome ?? each.outcome) === each.outcome
        )
          found.push({ ...each });
        if (each.id === before) isPast = true;
        if (found.length === limit) break;
      }
      return { calls: found };
    },
    {
      description: "Tells the last requests of clients, the newest first.",
      params: z.strictObject({
        limit: z.int().min(1).max(1_000).default(100).describe("How many at most."),
        before: z.string().max(128).optional().describe("Only what came before this one: the `id` of the last of the page before."),
        entry: z.string().max(1_024).optional().describe("Only of this tool, prompt or resource."),
        method: z.string().max(256).optional().describe("Only with this method."),
        principal: z.string().max(512).optional().describe("Only of this one."),
        outcome: z.string().max(128).optional().describe("Only with this outcome, such as `ok`, `tool_error` or `upstream_timeout`."),
      }),
      result: z.looseObject({ calls: z.array(call) }),
      reads: true,
    },
  );
  host.operator.operation(
    "call",
    ({ id }) => {
      const found = calls.get(id);
      if (!found) throw refuse("not_found", `no request with the id ${JSON.stringify(id)} is kept`);
      return { call: { ...found.call }, ...(found.trace && { trace: found.trace }) };
    },
    {
      description: "Tells one request of a client and, with the option `traces`, what became of it on its way.",
      params: z.strictObject({ id: z.string().min(1).max(128) }),
      result: z.looseObject({ call, trace: z.record(z.string(), z.unknown()).optional() }),
      reads: true,
    },
  );
  host.operator.operation(
    "logs",
    async (query) => {
      const lines: Json[] = [];
      const end = new AbortController();
      const late = setTimeout(() => end.abort(), LINES_DEADLINE);
      try {
        for await (const line of await host.operator.follow("logs", { ...query, follow: false }, end.signal))
          lines.push(JSON.parse(line) as Json); // the host wrote it
      } finally {
        clearTimeout(late);
      }
      return { lines };
    },
    {
      description: "Gives the last lines of the log.",
      params: z.strictObject({
        level: z.enum(["error", "warn", "info", "debug"]).default("info").describe("This level and what is worse."),
        lines: z.int().min(1).max(1_000).default(100).describe("How many at most."),
        server: z.string().max(64).optional().describe("Only about this server."),
        tool: z.string().max(1_024).optional().describe("Only about this tool."),
        id: z.string().max(128).optional().describe("Only about this request."),
        since: z.int().min(0).optional().describe("Not before, in milliseconds since 1970."),
      }),
      result: z.looseObject({ lines: z.array(z.looseObject({ time: z.string(), level: z.string(), message: z.string() })) }),
      reads: true,
    },
  );
}

/** Who has only what somebody with this user's socket has. */
const SOCKET = "socket";

/**
 * What `mcp-host open` asks for: the page's address, and the one that opens a set-up, which is for the control socket alone.
 * @param own the address of a port of the plugin's own, once it listens
 */
export function offerPage(host: PluginHost, { path, listen, docs }: Resolved, setup: Setup, own: () => string | undefined): void {
  const page = (): string => {
    if (!docs) throw new Error("the option docs of the admin plugin is false, so there is no page");
    const origin = own() ?? (listen === undefined ? host.operator.status().url : undefined);
    if (origin === undefined) throw new Error("the admin API has no port here: the host serves no HTTP; give the plugin `listen`");
    const { protocol, hostname, port } = new URL(origin);
    // An address that stands for every one of the machine is none that a browser can go to, and this is for those who sit here.
    const near = ["0.0.0.0", "[::]"].includes(hostname) ? "127.0.0.1" : hostname;
    return `${protocol}//${near}:${port || (protocol === "https:" ? 443 : 80)}${path}/docs`;
  };
  const params = z.strictObject({});
  host.operator.operation("page", () => ({ url: page() }), {
    description: "Tells where the page is on which the API can be tried.",
    params,
    reads: true,
  });
  host.operator.operation(
    "setup",
    (_, who) => {
      if (who !== SOCKET) throw refuse("forbidden", "a set-up is opened with `mcp-host open --setup`, on this machine");
      const url = page();
      const { token, until } = setup.open();
      // A fragment is sent to no server, and stands in no log.
      return { url: `${url}#setup=${token}`, seconds: Math.floor((until - host.clock.now()) / 1_000) };
    },
    { description: "Lets whoever has the address that it gives change everything, for ten minutes.", params, scope: "configure" },
  );
}
