import { readFileSync } from "node:fs";
import { CALLER_TOKENS, definePlugin, nearest, type PluginHost, refuse, SECRET_STORE } from "mcp-host";
import { z } from "zod";
import { Asking } from "./asking.ts";
import { Changes } from "./changes.ts";
import { TokensFor } from "./credentials.ts";
import { Desk } from "./desk.ts";
import { Devices } from "./device.ts";
import { Egress } from "./egress.ts";
import { Grants } from "./grants.ts";
import { Machines } from "./machines.ts";
import { type Kept, Memory } from "./memory.ts";
import { OnBehalf } from "./on-behalf.ts";
import { type Options, options } from "./options.ts";
import { HOST } from "./records.ts";
import { asksPersons, ownerOf, type Target, targetsOf } from "./servers.ts";
import { SignIns } from "./sign-in.ts";
import { Standings } from "./standing.ts";
import { type Surveyed, survey } from "./survey.ts";
import { baseOf, CALLBACK, START, Tickets } from "./tickets.ts";
import { Tokens } from "./tokens.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type OAuthOptions = z.input<typeof options>;

/** Signs in to servers that want OAuth: for the host, or for each of its clients. */
export const oauth = definePlugin({
  name: "oauth",
  version,
  host: "^1.0.0",
  // Around whatever answers in a server's place: what a principal is not signed in to is not answered from a cache.
  enforce: "pre",
  security: true,
  options,
  commands: {
    login: () => import("./commands/login.ts"),
    logout: () => import("./commands/logout.ts"),
  },
  shortcuts: ["login", "logout"],
  apply(host, given) {
    const { hooks, clock, log, meter } = host;
    const now = (): number => clock.now();
    const targets = targetsOf(given, host.config, host);
    for (const { key, mode } of targets.values()) if (mode === "principal") host.isolate(key, "principal");

    const requests = meter.counter({
      name: "oauth.requests",
      description: "Requests to authorization servers, and for metadata",
      labels: ["result"],
    });
    const refreshes = meter.counter({ name: "oauth.refreshes", description: "Tokens that were renewed, or not", labels: ["result"] });
    const outcomes = meter.counter({
      name: "oauth.sign_ins",
      description: "Sign-ins that ended, by server and result",
      labels: ["upstream", "result"],
    });

    const memory = new Memory(clock.monotonic);
    const kept: { store: Kept | undefined } = { store: undefined };
    const store = (): Kept => (kept.store ??= host.find(SECRET_STORE)?.("oauth") ?? memory);
    const named = new Map([...targets.values()].flatMap(({ url, options: { issuer } }) => (issuer === undefined ? [] : [[url, issuer]])));
    const egress = new Egress(given.timeout, host.signal, (_origin, ok) => requests.add(1, ok ? "ok" : "error"), named);
    const tokens = new Tokens(egress);
    const grants = new Grants({
      store,
      clock,
      log,
      tokens: () => tokens,
      refreshed: (problem) => refreshes.add(1, problem === undefined ? "ok" : problem.isPassing ? "later" : "final"),
    });
    const standings = new Standings(now);
    const changes = new Changes(store, log);
    const machines = new Machines({ egress, tokens, grants, now });
    const onBehalf = new OnBehalf({ egress, tokens, standings, now, log, callers: () => host.use(CALLER_TOKENS) });
    const signIns = new SignIns({ options: given, store, egress, tokens, grants, now, outcomes });
    const renew = (target: Target, principal: string | undefined): Promise<void> =>
      host.renew(target.key, target.mode === "principal" ? principal : undefined);
    const tokensFor = new TokensFor({
      targets,
      grants,
      machines,
      onBehalf,
      standings,
      log,
      now,
      // Its calls in flight end as they end; nothing is sent any more.
      ended: (target, { principal }) => void clock.setTimeout(() => renew(target, principal?.id).catch(() => {}), 0),
    });
    const devices = new Devices({ options: given, store, egress, tokens, grants, now, clock, outcomes });
    const desk = new Desk({
      options: given,
      targets,
      signIns,
      devices,
      standings,
      grants,
      tokens,
      egress,
      changes,
      clock,
      renew: host.renew,
      log,
    });

    hooks.credentials.tap("oauth", (credentials, request) => tokensFor.give(credentials, request));
    const exchanged = [...targets.values()].filter(({ options }) => options.grant === "token_exchange");
    if (exchanged.length > 0)
      hooks.call.for("*").tap("oauth", (next, { key }) => {
        const target = exchanged.find((each) => each.key === key);
        return target ? onBehalf.around(next, target) : next;
      });
    if ([...targets.values()].some(asksPersons)) byPrincipal(host, given, { store, targets, signIns, standings, changes, desk, renew });
    let unlisten = (): void => {};
    let unkeep = (): void => {};
    hooks.ready.tap("oauth", () => {
      if (exchanged.length > 0) unkeep = host.use(CALLER_TOKENS).keep();
      if (store() === memory && targets.size > 0)
        log.info("sign-ins are kept in memory and end with the host; @host/plugin-vault keeps them");
      unlisten = changes.listen(({ url, who, isSignedIn }) => {
        for (const target of targets.values()) {
          if (target.url !== url || (target.mode === "host") !== (who === HOST)) continue;
          const owner = { ...ownerOf(target, undefined), who };
          const isNews = isSignedIn ? standings.clear(owner) : standings.signedOut(owner);
          if (isNews) void renew(target, who.slice("principal:".length)).catch(() => {}); // its state says why
        }
      });
    });
    hooks.close.tap("oauth", () => {
      unlisten();
      unkeep();
      onBehalf.close();
      desk.close();
      grants.close();
    });
    const parts = { targets, standings, grants, clock, renew: host.renew, status: host.operator.status };
    operate(
      host,
      desk,
      () => (store() === memory ? "memory" : "secret store"),
      () => survey(parts),
    );
    host.operator.report(() => reportOf(targets, standings, store() === memory ? "memory" : "secret store"));
  },
});

interface ByPrincipal {
  readonly store: () => Kept;
  readonly targets: ReadonlyMap<string, Target>;
  readonly signIns: SignIns;
  readonly standings: Standings;
  readonly changes: Changes;
  readonly desk: Desk;
  readonly renew: (target: Target, principal: string | undefined) => Promise<void>;
}

/** What there is where each client's person signs in: pages, questions, and tools to ask for them. */
function byPrincipal(host: PluginHost, { publicUrl }: Options, { desk, ...parts }: ByPrincipal): void {
  const { targets } = parts;
  const tickets = new Tickets({ ...parts, now: () => host.clock.now(), base: () => baseOf(publicUrl, host.operator.status().url) });
  const asking = new Asking({ ...parts, tickets });
  host.hooks.call.for("*").tap("oauth", (next, { key }) => {
    const target = targets.get(key);
    return target && asksPersons(target) ? asking.around(next, target) : next;
  });
  host.hooks.http.tap("oauth", (_, app) => {
    app.get(START, async (c) => {
      const { status, headers, body } = await tickets.start(new URL(c.req.url).searchParams, c.req.header("cookie"));
      return new Response(body, { status, headers });
    });
    app.get(CALLBACK, async (c) => {
      const { status, headers, body } = await tickets.callback(new URL(c.req.url).searchParams, c.req.header("cookie"));
      return new Response(body, { status, headers });
    });
  });
  const names = [...targets.values()].filter(asksPersons).map(({ key }) => key);
  const input = z.strictObject({ server: z.string().describe(`One of ${names.join(", ")}.`) });
  const named = (key: string): Target => {
    const target = targets.get(key);
    if (target && asksPersons(target)) return target;
    throw refuse("invalid_params", `there is no server "${key}" that you sign in to${nearest(key, names)}; there are ${names.join(", ")}`);
  };
  host.offer({
    tools: {
      sign_in: {
        description: `Gives the link by which the user signs in to a server: ${names.join(", ")}.`,
        annotations: { readOnlyHint: true, openWorldHint: false },
        input,
        call: ({ server }, { exchange }) => asking.tell(exchange, named(server)),
      },
      sign_out: {
        description: `Ends the user's sign-in to a server: ${names.join(", ")}.`,
        annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true },
        input,
        call: async ({ server }, { exchange }) => {
          const { signedOut, problem } = await desk.logout(named(server).key, exchange.principal.id);
          return signedOut
            ? `Signed out of ${server}${problem === undefined ? "" : ` (${problem})`}.`
            : `You were not signed in to ${server}.`;
        },
      },
    },
  });
}

function operate({ operator }: PluginHost, desk: Desk, kept: () => string, surveyed: () => Promise<Surveyed[]>): void {
  const server = z.string().min(1).max(256).describe("Its key in `mcpServers`.");
  const id = z.string().min(1).max(64).describe("What `begin` gave.");
  operator.operation("survey", async () => ({ servers: await surveyed() }), {
    description: "Tells where the host stands with each server that it signs in to, or might; those that have not said it are asked.",
    params: z.strictObject({}),
    reads: true,
  });
  operator.operation("begin", async ({ server }) => ({ ...(await desk.begin(server)), kept: kept() }), {
    description: "Begins the sign-in of the host at a server; gives the address that a browser is to open.",
    params: z.strictObject({ server }),
  });
  operator.operation("begin-by-code", async ({ server }) => ({ ...(await desk.beginByCode(server)), kept: kept() }), {
    description: "Begins it by a code that somebody enters on another device; gives the code and the page to enter it on.",
    params: z.strictObject({ server }),
  });
  operator.operation("wait", ({ id }) => desk.wait(id), {
    description: "Tells what became of a sign-in, or after 20 s that it is under way.",
    params: z.strictObject({ id }),
    reads: true,
  });
  operator.operation(
    "finish",
    async ({ id, url }) => {
      await desk.finish(id, url);
      return {};
    },
    {
      description: "Takes the address that a browser of another machine ended at.",
      params: z.strictObject({ id, url: z.string().max(16_384).describe("As the browser shows it, with everything behind the `?`.") }),
      reads: true, // it holds a code, which those who are told of operations are not to see
      scope: "operate",
    },
  );
  operator.operation(
    "cancel",
    ({ id }) => {
      desk.cancel(id);
      return {};
    },
    { description: "Gives a sign-in up.", params: z.strictObject({ id }) },
  );
  operator.operation("logout", ({ server, principal }) => desk.logout(server, principal), {
    description: "Signs out of a server: revokes and deletes its tokens.",
    params: z.strictObject({
      server,
      principal: z.string().min(1).max(512).optional().describe("Whose sign-in it is, where each has one's own."),
    }),
  });
}

/** Who must sign in where, for `mcp-host status`; of servers that nobody named those that want it. */
function reportOf(
  targets: ReadonlyMap<string, Target>,
  standings: Standings,
  kept: string,
): { kept: string; servers: Record<string, unknown> } {
  const servers: Record<string, unknown> = {};
  for (const target of targets.values()) {
    const { key, mode, url, isNamed } = target;
    const waiting = standings.count(url, "needs sign-in");
    const standing = standings.of(ownerOf(target, undefined));
    if (mode === "principal") servers[key] = { mode, waiting };
    else if (isNamed || standing) servers[key] = { mode, state: standing?.state ?? "ok", ...(standing && { why: standing.why }) };
  }
  return { kept, servers };
}

export default oauth;
