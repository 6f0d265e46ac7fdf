import { readFileSync } from "node:fs";
import { definePlugin, type PluginHost } from "mcp-host";
import { z } from "zod";
import { Cache } from "./cache.ts";
import { dropOf } from "./drop.ts";
import { MemoryShelf } from "./memory-shelf.ts";
import { LONGEST_WORD, options } from "./options.ts";
import { KEPT } from "./policy.ts";
import { CACHE, type CacheService } from "./service.ts";
import { meters, Tally } from "./statistics.ts";
import { StoreShelf } from "./store-shelf.ts";

export { CACHE, type CacheService } from "./service.ts";
export type { CacheStats, Statistics } from "./statistics.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type CacheOptions = z.input<typeof options>;

/** States after which the server may be another one, if it comes back. */
const GONE: ReadonlySet<string> = new Set(["idle", "backing off", "failed", "needs sign-in", "removed"]);
/** States of a task in which it may still change something. */
const RUNNING: ReadonlySet<unknown> = new Set(["working", "input_required"]);

/** Keeps results of tools, resources, prompts and completions, and gives them again while they are true. */
export const cache = definePlugin({
  name: "cache",
  version,
  host: "^1.0.0",
  options,
  apply(host, given) {
    host.reload.expectUpstreams(...given.trust.map((key, index) => ({ place: `options.trust[${index}]`, key })));
    const tally = new Tally();
    const count = meters(host.meter, tally);
    const limits = { maxSize: given.maxSize, maxEntrySize: given.maxEntrySize, evicted: count.evicted };
    const lifetime = Math.max(given.ttl ?? LONGEST_WORD, ...Object.values(given.ttls)) + given.staleWhileRevalidate;
    const shelf =
      given.store === false
        ? new MemoryShelf({ ...limits, now: host.clock.monotonic })
        : new StoreShelf(host.store(given.store === true ? "cache" : given.store), host.log, lifetime, {
            ...limits,
            now: host.clock.now,
          });
    tally.watch(shelf);
    const kept = new Cache({ options: given, shelf, counts: count.of });

    for (const method of KEPT) host.hooks.call.for(method).tap("cache", (next, upstream) => kept.around(method, next, upstream));
    for (const method of ["tasks/get", "tasks/result", "tasks/cancel"] as const)
      host.hooks.call.for(method).tap("cache", (next, upstream) => kept.aroundTasks(next, upstream));
    host.hooks.ask.tap("cache", (request, exchange) => {
      if (exchange.route) kept.asked(exchange.route.upstream, exchange.parent);
      return request;
    });
    host.hooks.notify.tap("cache", (notification, { upstream, exchange }) => {
      const { method, params } = notification;
      if (method === "notifications/progress") {
        if (exchange) kept.touched(exchange);
      } else if (method === "notifications/tasks/status") {
        if (!RUNNING.has(params?.status)) kept.taskEnded(upstream);
      } else {
        const drop = dropOf(upstream, method, params);
        if (drop) void kept.drop(drop);
      }
      return notification;
    });
    host.hooks.upstream.tap("cache", ({ key, state }) => {
      if (GONE.has(state)) void kept.drop({ upstream: key });
    });
    host.hooks.close.tap("cache", () => kept.close());

    offer(host, {
      clear: async (pattern = "*") => kept.drop(pattern === "*" ? {} : { patterns: [pattern] }),
      stats: (upstream) => tally.stats(upstream),
    });
    host.operator.report(() => tally.report());
    host.operator.operation("stats", () => tally.report(), { description: "Tells what was kept and what that saved.", reads: true });
  },
  commands: {
    clear: () => import("./commands/clear.ts"),
    stats: () => import("./commands/stats.ts"),
  },
});

function offer(host: PluginHost, service: CacheService): void {
  if (!host.find(CACHE)) host.provide(CACHE, service);
  host.operator.operation("clear", async ({ pattern }) => ({ dropped: await service.clear(pattern) }), {
    description: "Drops what is kept.",
    params: z.strictObject({
      pattern: z.string().min(1).describe('A glob of exposed names, `<upstream>:<native name>` or URIs; "*" for everything.'),
    }),
  });
}

export default cache;
