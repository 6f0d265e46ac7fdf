import { alerts } from "@host/plugin-alerts";
import { approval } from "@host/plugin-approval";
import { audit } from "@host/plugin-audit";
import { oauth } from "@host/plugin-oauth";
import { otel } from "@host/plugin-otel";
import { profiles } from "@host/plugin-profiles";
import { rateLimit } from "@host/plugin-rate-limit";
import { routing } from "@host/plugin-routing";
import { sqlite } from "@host/plugin-sqlite";
import { toolSearch } from "@host/plugin-tool-search";
import { webhooks } from "@host/plugin-webhooks";
import { type Config, definePlugin } from "mcp-host";
import { afterAll } from "vitest";
import { temporary } from "./hosts.ts";

/** Taps every hook that is on the way of something, and changes nothing. */
const everywhere = definePlugin({
  name: "everywhere",
  host: "^1.0.0",
  apply({ hooks, trace }) {
    const same = <T>(value: T): T => value;
    const later = async <T>(value: T): Promise<T> => value;
    hooks.admit.tap("everywhere", async () => {});
    hooks.discover.tap("everywhere", later);
    hooks.merge.tap("everywhere", same);
    hooks.route.tap("everywhere", async () => undefined);
    hooks.permit.tap("everywhere", () => undefined);
    hooks.list.tap("everywhere", (entries) => [...entries]);
    hooks.transform.for("*").tap("everywhere", later);
    hooks.authorize.for("*").tap("everywhere", async () => undefined);
    hooks.call.for("*").tap("everywhere", (next) => async (exchange) => next(exchange));
    hooks.respond.for("*").tap("everywhere", later);
    hooks.fail.for("*").tap("everywhere", later);
    hooks.settled.tap("everywhere", () => {});
    hooks.ask.tap("everywhere", later);
    hooks.answer.tap("everywhere", later);
    hooks.notify.tap("everywhere", same);
    trace(() => {});
  },
});

/** Plugins that are there and have nothing against anything. To be called where tests are declared. */
export function bystanders(): NonNullable<Config["plugins"]> {
  const folder = temporary();
  afterAll(() => folder[Symbol.dispose]());
  return [
    everywhere(),
    approval({
      rules: [
        { match: ["nothing"], ask: "person" },
        { when: "method == 'tools/call'", allow: true },
      ],
    }),
    audit({ file: false, details: [{ arguments: "hash", results: "redacted" }], hashKey: "a key of these tests" }), // a file is one host's
    rateLimit({
      rules: [
        { name: "often", per: ["principal", "method"], requests: 1_000_000, window: "1m" },
        { name: "lists", methods: ["initialize", "server/discover", "tools/list", "resources/list"], requests: 1_000_000, window: "day" },
        { name: "slots", per: ["server"], concurrent: 10_000, queue: {} },
        { name: "bytes", bytes: "100gb", window: "1h" },
      ],
      addresses: { requests: 1_000_000, window: "1m" },
    }),
    alerts({
      receivers: [{ name: "nobody", url: "https://hooks.example.com", least: "critical" }],
      rules: [{ kind: "error-ratio" }, { kind: "latency" }],
    }),
    oauth(),
    // Nobody listens there, and nobody is told: what it would add to `_meta` is its own.
    otel({ endpoint: "http://127.0.0.1:9/", traces: { ratio: 1 }, context: { out: false, questions: false }, shutdown: 0 }),
    profiles({ profiles: { everything: {} }, default: "everything" }),
    routing({ coalesce: [{ match: ["nothing"] }] }),
    // One that offers tools has the host say that there is logging, since those may log.
    toolSearch({ show: "list" }),
    sqlite({ file: `${folder.path}/store.sqlite` }),
    webhooks({
      hooks: (["permit", "transform", "respond"] as const).map((at) => ({
        name: at,
        at,
        url: "https://hooks.example.com",
        match: { tools: ["nothing"], prompts: ["nothing"], resources: ["nothing:"] },
      })),
    }),
  ];
}
