import type { Config } from "../config/schema.ts";
import { LISTED_KINDS, LISTS } from "../exchange/entry.ts";
import type { Changes } from "../host/reload.ts";
import type { Instrument } from "../plugin/meter.ts";
import { definePlugin, type PluginHost } from "../plugin/plugin.ts";
import { isObject, type Json } from "../wire/message.ts";
import { contractClient, type Eras, type Send, senderOf } from "./contract-client.ts";
import { type ContractRequest, contractUpstream, TASK_ID } from "./contract-upstream.ts";
import { settled } from "./fake-clock.ts";
import type { FakeUpstream } from "./fake-upstream.ts";
import { JsonRpcError } from "./json-rpc-end.ts";
import { createTestHost, type TestHost } from "./test-host.ts";

/** What came of some requests, as JSON: of each its answer and what came before it; and what the servers were sent for it. */
export type Recording = readonly { readonly request: string; readonly client: string; readonly servers: string }[];

/** A progress token of the host's: which one it is depends on how many requests there were before. */
const MINTED = /"progressToken": \d+/g;

/** When a server is asked to tell of changes is the host's business; that it is shows in what clients are told. */
const HOUSEKEEPING = "subscriptions/listen";

/** A host in front of servers that answer always the same, for one plugin or none. */
export interface ContractHost extends AsyncDisposable {
  readonly test: TestHost;
  /** Sends the requests one after the other. @param ignored methods of notifications that are not told */
  record(requests: readonly ContractRequest[], ignored?: readonly string[]): Promise<Recording>;
  /** What the plugins count, by plugin and instrument. */
  counters(): Record<string, unknown>;
  /** Puts other plugins in the place of those that it has. */
  reload(plugins: Config["plugins"]): Promise<Changes>;
}

/** A plugin as a config file names it. */
export function entryOf(file: string, options: unknown): PluginEntry {
  return { use: file, ...(options !== undefined && { options: options as Json }) }; // the host parses them
}

export type PluginEntry = NonNullable<Config["plugins"]>[number];

/**
 * Starts one.
 * @param eras of its client and of its servers
 * @param keys the servers' names
 * @param beside plugins behind those that it has now
 * @throws ConfigError where the host refuses the plugins
 */
export async function contractHost(
  plugins: Config["plugins"],
  eras: Eras,
  keys: readonly string[],
  beside: readonly PluginEntry[],
): Promise<ContractHost> {
  let instruments: readonly Instrument[] = [];
  const recorded: Recorded = { told: 0, seen: new Map(), host: undefined, hasOffered: false };
  const onlooker = definePlugin({
    name: "contract-onlooker",
    host: "*",
    apply(host) {
      host.hooks.ready.tap("contract-onlooker", () => {
        instruments = host.meter.instruments();
        recorded.host = host;
      });
    },
  });
  const upstreams = Object.fromEntries(keys.map((key) => [key, contractUpstream({ era: eras.server })]));
  const withOnlooker = (given: Config["plugins"]): Config["plugins"] => [...(given ?? []), ...beside, onlooker()];
  const test = await createTestHost({
    plugins: withOnlooker(plugins),
    upstreams,
    client: contractClient(eras),
  });
  const send = await senderOf(test.client, eras);
  return {
    test,
    record: (requests, ignored) => record(test, send, upstreams, requests, recorded, ignored),
    counters: () =>
      Object.fromEntries(
        instruments
          .filter(({ kind }) => kind === "counter")
          .map(({ plugin, name, readings }) => [`${plugin} ${name}`, structuredClone(readings())]),
      ),
    reload: async (given) => (await test.host.reload({ ...(test.host.config as Config), plugins: withOnlooker(given) })).plugins, // with its defaults filled in a config is one still
    [Symbol.asyncDispose]: () => test.close(),
  };
}

/** How much of what came was recorded already: notifications to the client, requests to each server. */
interface Recorded {
  told: number;
  readonly seen: Map<string, number>;
  /** As plugins see it. */
  host: PluginHost | undefined;
  /** Whether a plugin offers entries of its own, or did. */
  hasOffered: boolean;
}

/** What a client gets of a list without what plugins offer of their own: that is their business. */
function withoutOwn(method: string, answer: Json, recorded: Recorded): Json {
  const { host } = recorded;
  const plugins = new Set(host?.upstreams.flatMap(({ key, wire }) => (wire === "plugin" ? [key] : [])));
  if (plugins.size > 0) recorded.hasOffered = true;
  const kind = LISTED_KINDS.find((each) => LISTS[each].method === method);
  if (!kind || plugins.size === 0) return answer;
  const { field, key } = LISTS[kind];
  const own = new Set<unknown>(
    host?.catalog.entries().flatMap((entry) => (entry.kind === kind && plugins.has(entry.upstream) ? [entry.name] : [])),
  );
  const listed = answer[field];
  return Array.isArray(listed) ? { ...answer, [field]: listed.filter((each: Json) => !own.has(each[key])) } : answer;
}

async function record(
  { client }: TestHost,
  send: Send,
  upstreams: Record<string, FakeUpstream>,
  requests: readonly ContractRequest[],
  before: Recorded,
  ignored: readonly string[] = [],
): Promise<Recording> {
  const recording: { request: string; client: string; servers: string }[] = [];
  let taskId = TASK_ID;
  let { told } = before;
  const { seen } = before;
  await settled();
  for (const { method, params } of requests) {
    const sent = params && (JSON.parse(JSON.stringify(params).replaceAll(TASK_ID, taskId)) as Json); // params are an object
    const sending = send({ method, ...(sent && { params: sent }) });
    if (!sending) continue; // the client's era has no such request
    const { ttlMs: _, cacheScope: __, ...given } = await answerOf(sending); // it is the host who says how long it holds, and for whom
    const answer = withoutOwn(method, given, before);
    await settled(); // what the answer's notifications and the plugins' own work lead to
    if (isObject(answer.task) && typeof answer.task.taskId === "string") taskId = answer.task.taskId;
    const all = client.notifications.slice(told);
    const isTold = (each: { method: string }) =>
      !ignored.includes(each.method) && !(before.hasOffered && each.method.endsWith("/list_changed"));
    const notifications = all.filter(isTold);
    told = client.notifications.length;
    const servers = Object.entries(upstreams).map(([key, { requests }]) => {
      const before = seen.get(key) ?? 0;
      seen.set(key, requests.length);
      return { [key]: requests.slice(before).filter(({ method }) => method !== HOUSEKEEPING) };
    });
    recording.push({
      request: JSON.stringify({ method, params }),
      client: JSON.stringify({ answer, notifications }, null, 1).replaceAll(taskId, TASK_ID),
      servers: JSON.stringify(servers, null, 1).replace(MINTED, '"progressToken": 0'),
    });
  }
  before.told = told;
  return recording;
}

/** The result, or the error without the id that is another one for every request. */
async function answerOf(answer: Promise<Json>): Promise<Json> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof JsonRpcError)) throw error;
    const { rpc } = error;
    const { requestId: _, ...data } = isObject(rpc.data) ? rpc.data : {};
    return { error: { ...rpc, data } };
  }
}
