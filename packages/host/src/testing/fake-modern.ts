import { isPartOf } from "../exchange/uri-part.ts";
import type { Json } from "../wire/message.ts";
import { type Envelope, envelopeOf, type Freshness, modernMethod, onSubscription, stampResult } from "../wire/modern.ts";
import { MODERN_VERSIONS, UNSUPPORTED_VERSION } from "../wire/versions.ts";
import type { FakeRounds, Served } from "./fake-rounds.ts";
import { answerAs, capabilitiesOf, type FakeUpstreamSpec, serverInfoOf } from "./fake-server.ts";
import { JsonRpcError } from "./json-rpc-end.ts";

/** Nothing that a fake upstream says may be kept, unless it says so itself. */
const STALE: Freshness = Object.freeze({ ttlMs: 0, cacheScope: "private" });

/** Whether a server that speaks these eras takes a request for one of the modern era: it says of itself that it is. */
export function isModernAt(era: FakeUpstreamSpec["era"], params: Json): boolean {
  return era !== undefined && era !== "legacy" && envelopeOf(params) !== undefined;
}

/** The error of a server that speaks another era, or another version of it. */
export function unsupported(requested: unknown): JsonRpcError {
  return new JsonRpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", { supported: [...MODERN_VERSIONS], requested });
}

/** What a server of the modern era (2026-07-28) with this spec answers. @throws JsonRpcError where it answers with an error */
export async function answerModern(spec: FakeUpstreamSpec, served: Served, rounds: FakeRounds): Promise<Json> {
  const { method, params } = served;
  const { version } = envelopeOf(params) as Envelope; // who calls this has looked
  if (!(MODERN_VERSIONS as readonly unknown[]).includes(version)) throw unsupported(version);
  const isOwn = spec.methods !== undefined && Object.hasOwn(spec.methods, method);
  const known = modernMethod(method);
  if (!known && !isOwn) throw new JsonRpcError(-32601, `Method not found: ${method}`);
  const isDiscovery = method === "server/discover" && !isOwn;
  const result = isDiscovery ? discovered(spec) : await rounds.answer(served, (context) => answerAs(spec, method, params, context));
  const { _meta, ...own } = result;
  const freshness = known?.isFresh && own.resultType !== "input_required" ? STALE : undefined;
  return Object.assign(stampResult({ _meta }, serverInfoOf(spec), freshness), own); // its own word counts
}

function discovered(spec: FakeUpstreamSpec): Json {
  const { tasks: _, ...capabilities } = spec.capabilities ?? capabilitiesOf(spec); // which are of the legacy era
  const { instructions } = spec;
  return { supportedVersions: [...MODERN_VERSIONS], capabilities, ...(instructions !== undefined && { instructions }) };
}

/** What a `subscriptions/listen` asks to be told, by the notification that tells it. */
const FLAGS: ReadonlyMap<string, string> = new Map([
  ["notifications/tools/list_changed", "toolsListChanged"],
  ["notifications/prompts/list_changed", "promptsListChanged"],
  ["notifications/resources/list_changed", "resourcesListChanged"],
]);

/** Those who listen to a fake upstream over one connection. */
export class FakeListeners {
  readonly #open = new Set<{ readonly served: Served; readonly wanted: Json }>();

  /** Acknowledges a `subscriptions/listen`, which is answered by nothing: only its client ends it. */
  open(served: Served): Promise<never> {
    const wanted = served.params.notifications as Json; // the host sends no others
    const listener = { served, wanted };
    this.#open.add(listener);
    served.signal.addEventListener("abort", () => this.#open.delete(listener), { once: true });
    served.notify("notifications/subscriptions/acknowledged", onSubscription({ notifications: wanted }, served.id));
    return new Promise(() => {});
  }

  /** Tells those who want to know. */
  notify(method: string, params: Json | undefined): void {
    for (const { served, wanted } of this.#open)
      if (wants(wanted, method, params)) served.notify(method, onSubscription(params, served.id));
  }
}

function wants(wanted: Json, method: string, params: Json | undefined): boolean {
  const flag = FLAGS.get(method);
  if (flag !== undefined) return wanted[flag] === true;
  const { resourceSubscriptions: uris } = wanted;
  const uri = params?.uri;
  return (
    method === "notifications/resources/updated" &&
    typeof uri === "string" &&
    Array.isArray(uris) &&
    uris.some((one) => isPartOf(uri, String(one)))
  );
}
