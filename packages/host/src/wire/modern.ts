import { isObject, type Json, metaOf } from "./message.ts";

/**
 * The envelope of the modern era (2026-07-28): what every request says of its client in `_meta`, and every result of the
 * server. It belongs to one hop: it is taken off where a message comes in and put on where one goes out, and nothing else is
 * touched.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic
 */
const PREFIX = "io.modelcontextprotocol/";
const VERSION_KEY = `${PREFIX}protocolVersion`;
const CLIENT_KEY = `${PREFIX}clientInfo`;
const CAPABILITIES_KEY = `${PREFIX}clientCapabilities`;
const LOG_LEVEL_KEY = `${PREFIX}logLevel`;
const SUBSCRIPTION_KEY = `${PREFIX}subscriptionId`;
const SERVER_KEY = `${PREFIX}serverInfo`;

/** Keys of one hop in the `_meta` of requests, notifications and results. */
const HOP_KEYS: ReadonlySet<string> = new Set([VERSION_KEY, CLIENT_KEY, CAPABILITIES_KEY, LOG_LEVEL_KEY, SUBSCRIPTION_KEY, SERVER_KEY]);

/** Whether an envelope can be written behind what a `_meta` says: it says something, and nothing of a hop. */
export function takesEnvelope(meta: Readonly<Json>): boolean {
  let saysSomething = false;
  for (const key in meta) {
    if (HOP_KEYS.has(key)) return false;
    saysSomething = true;
  }
  return saysSomething;
}

/** What a request says of its client; nothing of it is checked yet. */
export interface Envelope {
  readonly version: unknown;
  readonly info: unknown;
  readonly capabilities: unknown;
  readonly logLevel: unknown;
}

/** The envelope of a request; undefined for one of the legacy era. */
export function envelopeOf(params: Json | undefined): Envelope | undefined {
  const meta = metaOf(params);
  if (!meta || !Object.hasOwn(meta, VERSION_KEY)) return undefined;
  return { version: meta[VERSION_KEY], info: meta[CLIENT_KEY], capabilities: meta[CAPABILITIES_KEY], logLevel: meta[LOG_LEVEL_KEY] };
}

/** Params without what belongs to the hop that they came over: the envelope, and what a round carries. */
export function bareParams(params: Json | undefined, method: string): Json | undefined {
  if (!params) return undefined;
  if (method === "tasks/update") return bare(params); // its answers are no round's
  const { inputResponses: _, requestState: __, _meta, ...rest } = params;
  return withMeta(rest, _meta);
}

/** Params, or a result, without the keys of the hop in its `_meta`. */
export function bare(value: Json): Json {
  const { _meta, ...rest } = value;
  return _meta === undefined ? value : withMeta(rest, _meta);
}

/** Puts what is left of `_meta` without the keys of the hop back, where anything is. */
function withMeta(rest: Json, meta: unknown): Json {
  const left = isObject(meta) ? leftOf(meta) : meta;
  if (left !== undefined) rest._meta = left; // its own copy
  return rest;
}

/** Made of what stays: to `delete` what goes makes an object that is slow ever after. */
function leftOf(meta: Json): Json | undefined {
  let left: Json | undefined;
  for (const key in meta) {
    if (HOP_KEYS.has(key)) continue;
    left ??= {};
    left[key] = meta[key];
  }
  return left;
}

/** What a request of the host's own tells of the client that it is for. */
export interface Stamp {
  readonly info: Readonly<Json>;
  readonly capabilities: Readonly<Json>;
  /** The least grave log messages that are wanted; undefined for none at all. */
  readonly logLevel: string | undefined;
}

/** What a request carries that is asked again: the answers to what it was answered with, and the server's own note of where it was. */
export interface Round {
  readonly inputResponses?: Json;
  readonly requestState?: string;
}

/** What a request says in `_meta` of the client that it is for. */
export function envelopeIn(version: string, stamp: Stamp): Json {
  return {
    [VERSION_KEY]: version,
    [CLIENT_KEY]: stamp.info,
    [CAPABILITIES_KEY]: stamp.capabilities,
    [LOG_LEVEL_KEY]: stamp.logLevel, // JSON leaves out what is undefined
  };
}

/** Params as they go out. What a client of the legacy era put where the envelope is counts for nothing. */
export function stampRequest(params: Readonly<Json> | undefined, version: string, stamp: Stamp, round?: Round): Json {
  const envelope = envelopeIn(version, stamp);
  const given = metaOf(params);
  const stamped: Json = Object.assign({}, params, { _meta: given ? Object.assign({}, given, envelope) : envelope });
  if (round || "inputResponses" in stamped || "requestState" in stamped) {
    stamped.inputResponses = round?.inputResponses;
    stamped.requestState = round?.requestState;
  }
  return stamped;
}

/** A result as a server of the legacy era gives it. */
export function bareResult({ resultType: _, ttlMs: __, cacheScope: ___, _meta, ...rest }: Json): Json {
  return withMeta(rest, _meta);
}

/** The server's name and version, as its result says. */
export function serverIn(result: Json): Json {
  const server = metaOf(result)?.[SERVER_KEY];
  return isObject(server) ? server : {};
}

/** The subscription that a notification came on. */
export function subscriptionOf(params: Json | undefined): unknown {
  return metaOf(params)?.[SUBSCRIPTION_KEY];
}

/** How long a result may be kept, and for whom. */
export interface Freshness {
  /** Milliseconds. */
  readonly ttlMs: number;
  readonly cacheScope: "public" | "private";
}

/** What the server's result says of it; what it says wrongly, or not at all, is the least. */
export function freshnessIn({ ttlMs, cacheScope }: Json): Freshness {
  const isTime = Number.isSafeInteger(ttlMs) && (ttlMs as number) > 0;
  return { ttlMs: isTime ? (ttlMs as number) : 0, cacheScope: cacheScope === "public" ? "public" : "private" };
}

/** What a result is: the end of its request, a round of it that the client is to answer first, or a task that goes on with it. */
export type ResultType = "complete" | "input_required" | "task";

/** What a result says in `_meta` of the server that it is from. */
export const serverMeta = (serverInfo: Json): Json => ({ [SERVER_KEY]: serverInfo });

/** A result as it goes out, from this server. @param freshness where the method's results may be kept */
export function stampResult(
  result: Readonly<Json>,
  serverInfo: Json,
  freshness: Freshness | undefined,
  resultType: ResultType = "complete",
): Json {
  const given = metaOf(result);
  const server = serverMeta(serverInfo);
  return Object.assign({}, result, freshness, { resultType, _meta: given ? Object.assign({}, given, server) : server });
}

/** The answer to `server/discover` as it goes out. Until here it says who serves where the answer to `initialize` does, so that plugins know one place. */
export function stampDiscovery({ serverInfo, ...result }: Readonly<Json>, hostInfo: Json, freshness: Freshness | undefined): Json {
  return stampResult(result, isObject(serverInfo) ? serverInfo : hostInfo, freshness);
}

/** A question of the legacy era as a client of the modern one knows it: it has no ids of its own, and nothing is reported of it. */
export function modernQuestion(method: string, { _meta, task, ...params }: Readonly<Json>): Json {
  const { elicitationId, ...others } = params;
  return method === "elicitation/create" ? others : params;
}

/** Params of a notification that goes out on a subscription. */
export function onSubscription(params: Readonly<Json> | undefined, id: string | number): Json {
  return Object.assign({}, params, { _meta: Object.assign({}, metaOf(params), { [SUBSCRIPTION_KEY]: id }) });
}

interface ModernMethod {
  /** The param that the `Mcp-Name` header repeats. */
  readonly name?: "name" | "uri" | "taskId";
  /** Whether its result says how long it may be kept. */
  readonly isFresh?: true;
  /** Whether it may be answered with questions. */
  readonly hasRounds?: true;
}

/** The requests of the modern era that a server answers. @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http */
const METHODS: ReadonlyMap<string, ModernMethod> = new Map<string, ModernMethod>(
  Object.entries({
    "server/discover": { isFresh: true },
    "tools/list": { isFresh: true },
    "prompts/list": { isFresh: true },
    "resources/list": { isFresh: true },
    "resources/templates/list": { isFresh: true },
    "tools/call": { name: "name", hasRounds: true },
    "prompts/get": { name: "name", hasRounds: true },
    "resources/read": { name: "uri", isFresh: true, hasRounds: true },
    "completion/complete": {},
    "subscriptions/listen": {},
    "tasks/get": { name: "taskId" },
    "tasks/update": { name: "taskId" },
    "tasks/cancel": { name: "taskId" },
  }),
);

/** Methods of the legacy era that the modern one has no more; of those for tasks its extension has others. */
const REMOVED = new Set([
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
  "tasks/result",
  "tasks/list",
]);

/** What the modern era knows of a request method; undefined where it has none of that name. One that nobody specified may be a server's own. */
export function modernMethod(method: string): ModernMethod | undefined {
  return METHODS.get(method) ?? (REMOVED.has(method) ? undefined : {});
}

/** What stands in an `Mcp-*` header whose value is no plain ASCII, around Base64 of its UTF-8. */
const [BEFORE, AFTER] = ["=?base64?", "?="];
/** What a header may be as it is. */
const PLAIN = /^[\x20-\x7e\t]*$/;

function isSentinel(text: string): boolean {
  return text.length >= BEFORE.length + AFTER.length && text.startsWith(BEFORE) && text.endsWith(AFTER);
}

/** The value of an `Mcp-*` header; undefined where it cannot be read. */
export function headerValue(written: string): string | undefined {
  if (!isSentinel(written)) return PLAIN.test(written) ? written : undefined;
  const encoded = written.slice(BEFORE.length, -AFTER.length);
  const text = Buffer.from(encoded, "base64").toString("utf8");
  return Buffer.from(text, "utf8").toString("base64") === encoded ? text : undefined;
}

/** A text as the value of an `Mcp-*` header. */
export function headerText(value: string): string {
  const isPlain = PLAIN.test(value) && value.trim() === value && !isSentinel(value);
  return isPlain ? value : `${BEFORE}${Buffer.from(value, "utf8").toString("base64")}${AFTER}`;
}

/** The client's capabilities, where they are what they must be. */
export function capabilitiesIn({ capabilities }: Envelope): Json | undefined {
  return isObject(capabilities) ? capabilities : undefined;
}
