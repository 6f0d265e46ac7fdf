import { readFileSync } from "node:fs";
import { ConfigError, definePlugin, type Json, refuse } from "mcp-host";
import type { z } from "zod";
import { Addresses } from "./address.ts";
import { ADDRESSES, doorOf, FORWARDED } from "./door.ts";
import { namedUpstreams } from "./fitting.ts";
import { Gate } from "./gate.ts";
import { Generations } from "./generations.ts";
import { makeInstruments } from "./instruments.ts";
import { storesOf } from "./ledger.ts";
import { limitOf, type Shared } from "./limit.ts";
import { Observing } from "./observing.ts";
import { operate } from "./operate.ts";
import { ANSWERED, type Options, options } from "./options.ts";
import { Report } from "./report.ts";
import { bucketOf } from "./subjects.ts";
import { Troubles } from "./troubles.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type RateLimitOptions = z.input<typeof options>;

/** Limits of requests, calls at a time, quotas and bytes, by who calls what. */
export const rateLimit = definePlugin({
  name: "rate-limit",
  version,
  host: "^1.0.0",
  // Around whatever answers in a server's place or asks somebody: what a cache answers counts, and who sends too much asks no person.
  enforce: "pre",
  before: ["approval"],
  security: true,
  options,
  commands: {
    show: () => import("./commands/show.ts"),
    reset: () => import("./commands/reset.ts"),
  },
  apply(host, given) {
    checkSessions(host.id, given, host.config.listen?.protocols);
    host.reload.expectUpstreams(...namedUpstreams(given));
    const { hooks, clock } = host;
    const addresses = new Addresses(given.proxies, given.ipv6Prefix, `plugin "${host.id}": options.proxies`);
    if (addresses.isBehindProxies) host.keepHeaders(FORWARDED);

    const report = new Report(given);
    const instruments = makeInstruments(host.meter, () => limits, clock.now);
    const observing = new Observing(host);
    const count: Shared["count"] = (what, rule) => {
      report.count(what, rule);
      instruments[what].add(1, rule);
      if (what === "observed") observing.tell(rule);
    };
    const troubles = new Troubles(host, given.onStoreError, () => instruments.failed.add());
    const stores = storesOf(host);
    const generations = new Generations(stores.known, host);
    const byPrincipal = bucketOf(["principal"], addresses, FORWARDED);
    const { timeZone, headers } = given;
    const shared: Shared = {
      clock,
      stores,
      timeZone,
      generationOf: (rule) => generations.of(rule),
      laneOf: (exchange) => byPrincipal(exchange).key,
      count,
    };
    const limits = given.rules.map((rule) =>
      limitOf(rule, (rule.mode ?? given.mode) === "enforce", bucketOf(rule.per, addresses, FORWARDED), shared),
    );
    const gate = new Gate({ limits, troubles, now: clock.now, headers, count });
    const door = given.addresses && doorOf(given.addresses, given.mode, { addresses, troubles, headers, shared });

    if (door) hooks.admit.tap("rate-limit", (request) => door.admit(request));
    hooks.call.for("*").tap("rate-limit", (next) => gate.around(next));
    for (const method of ANSWERED) {
      const about = limits.filter(({ rule }) => rule.methods?.includes(method));
      if (about.length === 0) continue;
      hooks.respond.for(method).tap("rate-limit", async (result, exchange) => {
        await gate.check(exchange, about);
        return result;
      });
    }
    if (limits.some(({ bytes }) => bytes)) hooks.settled.tap("rate-limit", (exchange) => gate.settled(exchange));
    hooks.ready.tap("rate-limit", () => generations.open([...limits.map(({ name }) => name), ADDRESSES]));
    hooks.close.tap("rate-limit", () => {
      for (const { slots } of limits) slots?.close(refuse("shutting_down", "the host is stopping; nothing was sent"));
    });

    const tell = (): Json => report.tell(limits, door, troubles.count, clock.now());
    host.operator.report(tell);
    operate(host, { limits, door, generations, tell });
  },
});

/** Who has no session cannot be counted by it. @throws ConfigError */
function checkSessions(id: string, { rules }: Options, protocols: readonly string[] | undefined): void {
  if (protocols === undefined || protocols.includes("legacy")) return;
  const problems = rules.flatMap(({ per }, index) =>
    per.includes("session")
      ? [
          `plugin "${id}": options.rules[${index}].per: has "session", which clients of 2026-07-28 do not have, and "listen.protocols" lets no others in; count by "principal" or "address"`,
        ]
      : [],
  );
  if (problems.length > 0) throw new ConfigError(problems);
}

export default rateLimit;
