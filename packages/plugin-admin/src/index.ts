import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { ConfigError, definePlugin, isLoopback, type PluginHost, registerSecret } from "mcp-host";
import { Access, type Asked, type Operator } from "./access.ts";
import { Api } from "./api.ts";
import { Calls } from "./calls.ts";
import { offerOperations, offerPage } from "./operations.ts";
import { options, type Resolved } from "./options.ts";
import { OwnServer, type Serve } from "./server.ts";
import { Setup } from "./setup.ts";

export type { AdminOptions } from "./options.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What stays through reloads of one host. */
interface Lasting {
  readonly calls: Map<string, Calls>;
  /** By address. */
  readonly servers: Map<string, OwnServer>;
  readonly setups: Map<string, Setup>;
}

/** By what a host gives to all its plugins, before and after a reload. */
const lastingOf = new WeakMap<object, Lasting>();

/** A REST API for operators of the running host. */
export const admin = definePlugin({
  name: "admin",
  version,
  host: "^1.0.0",
  options,
  commands: { open: () => import("./commands/open.ts") },
  shortcuts: ["open"],
  apply(host, given) {
    check(host, given);
    for (const { token } of given.tokens) registerSecret(token);
    const lasting = kept(host);
    const calls = callsOf(host, lasting, given.calls);
    const setup = setupOf(host, lasting);
    const access = new Access(given, setup, () => host.clock.now());
    const counted = host.meter.counter({ name: "admin.requests", description: "Requests to the admin API", labels: ["status", "outcome"] });
    const changed = host.meter.counter({
      name: "admin.changes",
      description: "Changes that operators had done over the admin API",
      labels: ["outcome"],
    });
    const api = new Api(host, given, access, (status, why) => counted.add(1, String(status), why));

    offerOperations(host, calls);
    offerPage(host, given, setup, () => own?.url);
    if (given.calls > 0) host.hooks.settled.tap("admin", (exchange) => calls.settled(exchange));
    host.hooks.operated.tap("admin", ({ via, outcome }) => {
      api.forget();
      if (via === host.id) changed.add(1, outcome === "ok" ? "ok" : "failed");
    });

    let own: OwnServer | undefined;
    const serve: Serve = async (request, address) => {
      const asked: Asked = { method: request.method, headers: request.headers, address };
      const { pathname } = new URL(request.url);
      const isOurs = pathname === given.path || pathname.startsWith(`${given.path}/`);
      return api.docs(request) ?? (isOurs ? api.answer(request, asked, access.find(asked)) : new Response(null, { status: 404 }));
    };
    if (given.listen === undefined) mount(host, given, api, access);
    host.hooks.ready.tap("admin", async () => {
      api.forget();
      if (given.traces) await trace(host, calls);
      const { listen } = given;
      if (listen === undefined || host.isBrief) return;
      const key = JSON.stringify(listen);
      own = lasting.servers.get(key) ?? new OwnServer(listen);
      lasting.servers.set(key, own);
      await own.open(serve);
      host.log.info("the admin API listens", { url: `${own.url}${given.path}` });
    });
    host.hooks.close.tap("admin", async () => {
      await own?.close(serve);
      if (own?.isUnused && given.listen) lasting.servers.delete(JSON.stringify(given.listen));
    });
    host.operator.report(() => ({
      path: given.path,
      ...(own?.url !== undefined && { url: `${own.url}${given.path}` }),
      tokens: given.tokens.length,
      roles: access.hasRoles,
      local: access.isLocal,
      allowCommands: given.allowCommands,
      calls: calls.size,
    }));
  },
});

export default admin;

/** @throws ConfigError for what would let in whoever comes, or nobody */
function check(host: PluginHost, { listen, tokens, roles, path }: Resolved): void {
  const problems: string[] = [];
  const front = host.config.listen;
  if (listen === undefined && front) {
    const taken = [front.path, "/healthz", "/readyz"].find(
      (each) => each === path || each.startsWith(`${path}/`) || path.startsWith(`${each}/`),
    );
    if (taken !== undefined) problems.push(`options.path: "${path}" is on the way of "${taken}", a path of the host's; choose another`);
  }
  const address = listen?.host ?? front?.host;
  if (address !== undefined && !isLoopback(address) && tokens.length === 0 && roles === undefined)
    problems.push(
      `options.tokens: "${address}" can be reached from other machines, and nobody says who operators are; give tokens, or roles`,
    );
  if (listen && !isLoopback(listen.host) && listen.hosts.length === 0)
    problems.push(`options.listen.hosts: "${listen.host}" can be reached from other machines; say by which names`);
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `plugin "${host.id}": ${problem}`));
}

function kept({ catalog }: PluginHost): Lasting {
  let lasting = lastingOf.get(catalog);
  if (!lasting) lastingOf.set(catalog, (lasting = { calls: new Map(), servers: new Map(), setups: new Map() }));
  return lasting;
}

function setupOf({ id, clock }: PluginHost, { setups }: Lasting): Setup {
  let setup = setups.get(id);
  if (!setup) setups.set(id, (setup = new Setup(() => clock.now())));
  return setup;
}

function callsOf({ id, clock }: PluginHost, { calls }: Lasting, most: number): Calls {
  const known = calls.get(id) ?? new Calls(most, clock);
  known.keep(most);
  calls.set(id, known);
  return known;
}

/** Begins to keep what becomes of requests, until the plugin goes. */
async function trace(host: PluginHost, calls: Calls): Promise<void> {
  const lines = await host.operator.follow("trace", {}, host.signal);
  void (async () => {
    for await (const line of lines) calls.traced(line);
  })();
}

/** Puts the API on the host's own port: for tokens where everybody may knock, for roles behind `authenticate`. */
function mount(host: PluginHost, { path }: Resolved, api: Api, access: Access): void {
  const patterns = [path, `${path}/*`];
  host.hooks.http.tap("admin", (app, publicApp) => {
    for (const pattern of patterns) {
      publicApp.all(pattern, async (context, next) => {
        const { raw } = context.req;
        const page = api.docs(raw);
        if (page) return page;
        const asked = askedOf(raw, context.env);
        const operator = access.find(asked);
        if (!operator && access.hasRoles && !api.isSetup(raw)) return next();
        return api.answer(raw, asked, operator);
      });
      if (!access.hasRoles) continue;
      app.all(pattern, (context) => {
        const { raw } = context.req;
        // What browsers send by themselves, such as certificates, is no word of whoever sits before one.
        const isMeant = raw.method === "GET" || raw.headers.has("authorization");
        const principal = isMeant ? host.principal(context) : undefined;
        const operator: Operator | undefined = access.ofPrincipal(principal);
        return operator || !principal ? api.answer(raw, askedOf(raw, context.env), operator) : api.withoutRole();
      });
    }
  });
}

function askedOf(request: Request, env: unknown): Asked {
  const { incoming } = env as { incoming: IncomingMessage }; // what the host serves Hono's apps with
  return { method: request.method, headers: request.headers, address: incoming.socket.remoteAddress ?? "" };
}
