// Compiled by `npm run typecheck`, never run: each line below a "@ts-expect-error" must not compile.
import {
  type Caller,
  type Config,
  defineConfig,
  definePlugin,
  defineService,
  defineTool,
  type Entry,
  type Exchange,
  type Store,
} from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { z } from "zod";

/** Every hook: what is right compiles, and of what is wrong one case for each way to get it wrong. */
export const typed = definePlugin({
  name: "types",
  host: "^1.0.0",
  options: z.strictObject({ limit: z.number().default(3), names: z.array(z.string()) }),
  apply(host, { limit, names }) {
    limit satisfies number;
    names satisfies string[];
    const { hooks } = host;

    // @ts-expect-error admit gives nothing: whoever turns away throws
    hooks.admit.tap("types", () => false);
    // @ts-expect-error admit knows nobody
    hooks.admit.tap("types", ({ principal }) => void principal);
    // @ts-expect-error principal's tap must return
    hooks.principal.tap("types", () => {});
    // @ts-expect-error a principal has roles
    hooks.principal.tap("types", ({ id }) => ({ id }));
    // @ts-expect-error roles are strings
    hooks.principal.tap("types", (principal) => ({ ...principal, roles: [1] }));
    hooks.principal.tap("types", async (principal, { headers }) => ({ ...principal, claims: { tenant: headers["x-tenant"] } }));
    hooks.refused.tap("types", ({ request, exchange, decision, type, status, message }) => {
      // @ts-expect-error a notification has no request
      void request.path;
      // @ts-expect-error the host may have refused
      void decision.plugin;
      void [
        request?.address,
        exchange?.http?.headers["user-agent"],
        decision?.hook,
        type === "forbidden",
        status?.toFixed(),
        message.length,
      ];
    });
    // @ts-expect-error a name is a text
    host.endpoint(3);
    // @ts-expect-error names of headers are texts
    host.keepHeaders(["user-agent"]);
    hooks.http.tap("types", (app) => {
      app.get("/me", (context) => context.json({ id: host.principal(context)?.id, same: host.principal(context.req.raw)?.id }));
      // @ts-expect-error a path says nothing of who asks
      host.principal("/me");
    });
    hooks.call.for("tools/call").tap("types", (next) => (exchange) => {
      // @ts-expect-error values of headers are texts
      void exchange.withHeaders({ "x-a": 1 }, next);
      // @ts-expect-error what the edge knows is not to be changed
      exchange.http = undefined;
      return exchange.withHeaders({ "x-a": "1" }, next);
    });

    hooks.authenticate.tap("types", async ({ headers }) => (headers.authorization ? { id: "ada", roles: [] } : undefined));
    // @ts-expect-error a principal has roles
    hooks.authenticate.tap("types", () => ({ id: "ada" }));
    hooks.session.tap("types", ({ event, session }) => void [event === "opened", session.principal.id]);
    // @ts-expect-error there is no such event
    hooks.session.tap("types", ({ event }) => void (event === "open"));
    hooks.upstream.tap("types", ({ key, state }) => void [key, state === "ready"]);
    // @ts-expect-error there is no such state
    hooks.upstream.tap("types", ({ state }) => void (state === "up"));
    hooks.credentials.tap("types", (credentials) => ({ ...credentials, headers: { a: "b" } }));
    // @ts-expect-error headers are texts
    hooks.credentials.tap("types", (credentials) => ({ ...credentials, headers: { a: 1 } }));

    hooks.discover.tap("types", async (entries, upstream) => entries.filter(({ name }) => name !== upstream.key));
    // @ts-expect-error discover must return entries
    hooks.discover.tap("types", () => {});
    hooks.merge.tap("types", (entries) => entries.toReversed());
    // @ts-expect-error merge is synchronous
    hooks.merge.tap("types", async (entries) => entries);
    hooks.list.tap("types", (entries, caller) => (caller.endpoint ? entries : entries.slice(1)));
    // @ts-expect-error list is synchronous
    hooks.list.tap("types", async (entries) => entries);
    // @ts-expect-error what is shown are entries
    hooks.list.tap("types", (entries) => entries.map(({ name }) => name));

    hooks.route.tap("types", ({ entry }) => (entry ? { upstream: entry.upstream, native: "x" } : undefined));
    // @ts-expect-error a route names an upstream
    hooks.route.tap("types", () => ({ native: "x" }));
    hooks.permit.tap("types", (entry, caller, exchange) => (entry.name === caller.principal.id || exchange?.params.x ? false : undefined));
    // @ts-expect-error permit answers false or undefined
    hooks.permit.tap("types", () => true);
    // @ts-expect-error permit is synchronous
    hooks.permit.tap("types", async () => undefined);
    // @ts-expect-error whoever is asked about is a caller, and not a principal
    hooks.permit.tap("types", (_entry, { roles }) => (roles.includes("a") ? false : undefined));
    hooks.authorize.for("tools/call").tap("types", async ({ called }) => (called?.native === "x" ? false : undefined));
    // @ts-expect-error authorize answers false or undefined
    hooks.authorize.for("*").tap("types", async () => "no");
    // @ts-expect-error it is by method
    hooks.authorize.tap("types", () => undefined);

    hooks.transform.for("tools/call").tap("types", (params) => ({ ...params, arguments: { name: params.name } }));
    // @ts-expect-error there is no such method
    hooks.transform.for("tools/cal");
    // @ts-expect-error a list passes no transform
    hooks.transform.for("tools/list");
    // @ts-expect-error a list is called nowhere
    hooks.call.for("tools/list");
    // @ts-expect-error a subscription's answer passes no respond
    hooks.respond.for("resources/subscribe");
    // @ts-expect-error the answer to a task passes the respond taps of what began it
    hooks.respond.for("tasks/result");
    // @ts-expect-error what is asked of a task was authorized when it began
    hooks.authorize.for("tasks/get");
    // @ts-expect-error a ping cannot fail on its way
    hooks.fail.for("ping");
    hooks.fail.for("tools/list").tap("types", (error) => error);
    hooks.transform.for("acme/search").tap("types", (params, { method }) => ({ ...params, method }));
    // @ts-expect-error a server's own method has a family of its own
    hooks.transform.for("search");
    // @ts-expect-error nor one that is nearly MCP's
    hooks.respond.for("tool/call");
    // @ts-expect-error as above
    hooks.call.for("completions/complete");
    // @ts-expect-error tapable's interceptors are refused
    hooks.route.intercept;
    // @ts-expect-error there is no such hook
    hooks.transfrom;
    // @ts-expect-error arguments are an object
    hooks.transform.for("tools/call").tap("types", (params) => ({ ...params, arguments: "x" }));
    // @ts-expect-error a resource has no arguments that were declared
    hooks.transform.for("resources/read").tap("types", ({ uri }) => ({ name: uri }));
    hooks.call.for("*").tap("types", (next, upstream) => (upstream.wire === "http" ? async (exchange) => next(exchange) : next));
    // @ts-expect-error a tap of call makes a handler
    hooks.call.for("*").tap("types", (next) => next({} as Exchange));
    // @ts-expect-error a handler gives a result
    hooks.call.for("*").tap("types", () => async () => {});
    hooks.respond.for("tools/call").tap("types", (result) => ({ ...result, a: 1 }));
    // @ts-expect-error a waterfall's tap must return
    hooks.respond.for("tools/call").tap("types", (result) => {
      void result;
    });
    hooks.fail.for("tools/call").tap("types", (error, { called }) => ({ ...error, message: `${called?.name}` }));
    // @ts-expect-error an error's code is a number
    hooks.fail.for("tools/call").tap("types", (error) => ({ ...error, code: "x" }));
    // @ts-expect-error what fails stays an error
    hooks.fail.for("tools/call").tap("types", () => ({ content: [] }));
    hooks.settled.tap("types", ({ outcome, decisions }) => void [outcome && "result" in outcome, decisions[0]?.did === "refused"]);
    // @ts-expect-error nobody decides that
    hooks.settled.tap("types", ({ decisions }) => void (decisions[0]?.did === "denied"));

    hooks.ask.tap("types", (request) => (request.method === "roots/list" ? { answer: { roots: [] } } : request));
    // @ts-expect-error a question or an answer
    hooks.ask.tap("types", () => ({ roots: [] }));
    hooks.answer.tap("types", (result) => ({ ...result }));
    // @ts-expect-error an answer must be returned
    hooks.answer.tap("types", () => {});
    hooks.notify.tap("types", (notification, { upstream }) => (upstream === "x" ? null : notification));
    // @ts-expect-error notify is synchronous
    hooks.notify.tap("types", async (notification) => notification);
    hooks.http.tap("types", (app, publicApp) => void [app.get("/a", (c) => c.text("a")), publicApp]);
    // @ts-expect-error there is no such method of Hono's
    hooks.http.tap("types", (app) => void app.gett("/a"));
    hooks.ready.tap("types", async () => {});
    // @ts-expect-error ready is given nothing
    hooks.ready.tap("types", (_what: string) => {});
    hooks.close.tap("types", () => {});
    // @ts-expect-error a tap has a name
    hooks.close.tap(() => {});
    // @ts-expect-error order is no tap's business
    hooks.close.tap({ name: "types", stage: 1 }, () => {});

    const service = defineService<(entry: Entry) => boolean>("types");
    host.provide(service, ({ name }) => name === "x");
    // @ts-expect-error another service
    host.provide(service, "x");
    host.use(service) satisfies (entry: Entry) => boolean;
    host.meter.counter({ name: "a", description: "b", labels: ["c"] }).add(1, "d");
    // @ts-expect-error there is no such member
    host.metre;
    host.id satisfies string;
    // @ts-expect-error the config says what it is
    host.id = "x";
    hooks.settled.tap("types", ({ isQuestion, plugin }) => void (isQuestion && plugin));
    host.trace(({ did, change, parent, end }, phase) => void [did === "routed", change?.before, parent?.plugin, end, phase === "end"])();
    // @ts-expect-error there is no such phase
    host.trace((_span, phase) => void (phase === "middle"));
    // @ts-expect-error a span is only told
    host.trace((span) => void (span.did = "routed"));
    host.reload.expectUpstreams({ place: "options.x", key: "x" });
    // @ts-expect-error a place and a key
    host.reload.expectUpstreams("x");
    host.operator.operation("x", async (params) => ({ params }));
    // @ts-expect-error an operation gives an object
    host.operator.operation("x", () => "done");
    const params = z.strictObject({ text: z.string() });
    host.operator.operation("x", ({ text }, who) => ({ text: `${text} ${who}` }), { params });
    // @ts-expect-error its schema says what it is given
    host.operator.operation("x", ({ txt }) => ({ txt }), { params });
    host.operator.run("x:y", { a: 1 }, { id: "ada", roles: [] }) satisfies Promise<Readonly<Record<string, unknown>>>;
    // @ts-expect-error whoever has something done must be named
    void host.operator.run("reload", {});
    hooks.operated.tap("types", ({ who, operation, plugin }) => void [who, operation, plugin ?? "the host"]);
    // @ts-expect-error whoever did it has a name, and is no principal
    hooks.operated.tap("types", ({ who }) => void who.id);
    host.log.listen(({ level }) => void (level === "warn"), "warn")();
    // @ts-expect-error there is no such level
    host.log.listen(() => {}, "loud");
    host.clock.setTimeout(() => {}, host.random.float() * 10)();
    // @ts-expect-error what it gives ends it, and is no timer
    clearTimeout(host.clock.setTimeout(() => {}, 10));
  },
});

export const offering = definePlugin({
  name: "offering",
  host: "^1.0.0",
  apply(host) {
    const input = z.object({ word: z.string(), times: z.number().default(1) });
    const offered = host.offer({
      tools: {
        text: { input, call: ({ word, times }) => word.repeat(times) },
        content: { input: { type: "object" }, call: async ({ any }) => [{ type: "text", text: String(any) }] },
        result: { call: (_args, { signal }) => ({ structuredContent: { aborted: signal.aborted } }) },
      },
    });
    // @ts-expect-error the words of the schema are text
    host.offer({ tools: { a: { input, call: ({ word }) => word.toFixed() } } });
    // @ts-expect-error the schema has no such argument
    host.offer({ tools: { a: { input, call: ({ wrod }) => String(wrod) } } });
    // @ts-expect-error a number is no result
    host.offer({ tools: { a: { input, call: () => 3 } } });
    // @ts-expect-error there is no such key
    host.offer({ tools: { a: { inptu: input, call: () => "" } } });
    // @ts-expect-error there is no such kind
    host.offer({ tols: {} });
    // @ts-expect-error arguments come from a schema
    host.offer({ tools: { a: { input: 3, call: () => "" } } });
    // @ts-expect-error a prompt needs `get`
    host.offer({ prompts: { a: {} } });
    // @ts-expect-error a resource needs a name
    host.offer({ resources: { "a:b": { read: () => "" } } });
    // @ts-expect-error a resource is a text, bytes or contents
    host.offer({ resources: { "a:b": { name: "a", read: () => 3 } } });
    // @ts-expect-error what was offered to all stays so
    offered.update(() => ({}));
    const output = z.object({ n: z.number() });
    // @ts-expect-error it must fit the output
    defineTool({ output, call: () => ({ structuredContent: { n: "three" } }) });
    // @ts-expect-error the words of the schema are text
    defineTool({ input, call: ({ word }) => word.toFixed() });
    const each = host.offer((caller) => ({ tools: { mine: defineTool({ input, call: ({ word }) => caller.id + word.toUpperCase() }) } }));
    // @ts-expect-error what was offered to each stays so
    each.update({});
    // @ts-expect-error there is no such level
    host.offer({ tools: { a: { call: (_args, { log }) => String(log("loud", "")) } } });
  },
});

/** An exchange is to be read, and asked to do what plugins may. */
export async function used(exchange: Exchange, caller: Caller, store: Store): Promise<void> {
  await exchange.call("tools/call", { name: "x" }, { onProgress: ({ progress }) => void progress });
  // @ts-expect-error there is no such option
  await exchange.call("tools/call", { name: "x" }, { onProgres: () => {} });
  await exchange.ask("elicitation/create", { message: "?" });
  // @ts-expect-error what is asked has params
  await exchange.ask("elicitation/create");
  // @ts-expect-error an exchange is not the plugin's to change
  exchange.params = {};
  // @ts-expect-error nor is who it is
  caller.principal = { id: "root", roles: [] };
  await store.update("a", (before) => Number(before ?? 0) + 1);
  // @ts-expect-error a change is a function
  await store.update("a", 1);
  // @ts-expect-error a lease has a time to live
  await store.lease("a");
}

typed({ names: ["a"] });
// @ts-expect-error an option of the wrong type
typed({ names: "a" });
// @ts-expect-error a misspelt option
typed({ names: [], limt: 3 });
// @ts-expect-error an option is missing
typed({});

// @ts-expect-error a definition has a name
definePlugin({ host: "^1.0.0", apply() {} });
// @ts-expect-error apply is synchronous and gives nothing to wait for
definePlugin({ name: "x", host: "^1.0.0", apply: async () => 3, enforce: "pre" } satisfies { apply(): number });
// @ts-expect-error there are two groups
definePlugin({ name: "x", host: "^1.0.0", enforce: "first", apply() {} });
// @ts-expect-error names are a list
definePlugin({ name: "x", host: "^1.0.0", before: "y", apply() {} });
// @ts-expect-error there is no such part of a definition
definePlugin({ name: "x", host: "^1.0.0", aply() {}, apply() {} });

const made: Config = defineConfig({ mcpServers: { a: { command: "node" } }, plugins: [typed({ names: [] })] });
export const promised = defineConfig(async ({ env, folder }) => ({ ...made, mcpServers: { a: { command: env.A ?? folder } } }));
defineConfig({ plugins: [{ use: typed({ names: [] }), enabled: false, when: { roles: ["a"], tools: ["b"] } }] });
// @ts-expect-error there is no such condition
defineConfig({ plugins: [{ use: typed({ names: [] }), when: { role: ["a"] } }] });
// @ts-expect-error there is no such key
defineConfig({ listn: {} });
// @ts-expect-error a function gives a config
defineConfig(() => 3);

/** The kit's eras. */
export async function eras(): Promise<void> {
  const server = fakeUpstream({ era: "dual", tools: { ask: async (_args, { ask }) => (await ask("roots/list")).roots } });
  // @ts-expect-error an era is no version
  fakeUpstream({ era: "2026-07-28" });
  await using host = await createTestHost({ upstreams: { server }, client: { era: "modern", capabilities: { roots: {} } } });
  // @ts-expect-error a client speaks one
  await host.connect({ era: "dual" });
  const { agreed, close } = await host.client.listen({ toolsListChanged: true });
  close();
  // @ts-expect-error what the host says is checked by nobody
  agreed.toolsListChanged.valueOf();
}

/** The contract's options are the plugin's. */
export function contract(): void {
  const cases = { test: (_name: string, _run: () => Promise<void>): void => {}, module: import.meta.url, badOptions: [] };
  testPlugin(typed, { ...cases, options: { names: [] } });
  // @ts-expect-error a limit is a number
  testPlugin(typed, { ...cases, options: { names: [], limit: "3" } });
  // @ts-expect-error names are required
  testPlugin(typed, { ...cases, options: { limit: 3 } });
}
