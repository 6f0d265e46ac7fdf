import { HostError } from "../errors.ts";
import { carry } from "../exchange/carry.ts";
import type { OwnCalls, Sink } from "../exchange/course.ts";
import type { Outcome, OwnCallOptions, Progress } from "../exchange/exchange.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import { rowOf } from "../exchange/methods.ts";
import { counted } from "../wire/counted.ts";
import type { Limits } from "../wire/limits.ts";
import type { Json, Message } from "../wire/message.ts";
import { withProgressToken } from "../wire/peer.ts";
import { fromRpc } from "../wire/peer-error.ts";

export interface OwnCallsOptions {
  readonly limits: Pick<Limits, "callDepth" | "callsPerExchange">;
  /** Told of each when it is over. */
  readonly settled: (exchange: HostExchange) => void;
}

/** The token of a child's progress: it is the only request on its sink. */
const TOKEN = "own";

/**
 * Sends a request of a plugin's own through the pipeline, as a child of the exchange that it is made for. It comes from the
 * same caller, so that nothing opens to it that is closed to that one.
 */
export function callAsChild(
  { limits, settled }: OwnCallsOptions,
  through: { run(exchange: HostExchange): Promise<Json> },
  parent: HostExchange,
  method: string,
  params: Json | undefined,
  { onProgress, signal }: OwnCallOptions,
): Promise<Json> {
  const calls = countedWith(parent);
  const refused = parent.stopped ?? refusal(parent, calls, method, limits);
  if (refused) return Promise.reject(calls.sent ? perhapsSent(refused) : refused);
  calls.count++;
  const { at, inside } = parent;
  const child = new HostExchange({
    method,
    params: onProgress ? withProgressToken(params ?? {}, TOKEN) : params,
    caller: parent.caller,
    sink: sinkOf(parent, onProgress),
    parent,
    plugin: (at ?? inside)?.plugin,
    depth: parent.depth + 1,
  });
  child.ownCalls = calls;
  calls.underWay.add(child);
  const abort = (): void =>
    child.cancel(new HostError("cancelled", `${method} was cancelled by the plugin that made it`, { sent: child.sent }));
  const stop = (error: HostError): void => child.cancel(new HostError(error.type, error.message, { sent: child.sent }));
  parent.onStop(stop);
  parent.pause();
  signal?.addEventListener("abort", abort, { once: true });
  return new Promise((resolve, reject) => {
    const deliver = (outcome: Outcome): void => {
      if (child.sent !== "no") calls.sent = true;
      if ("result" in outcome) return resolve(outcome.result);
      const error = "error" in outcome ? fromRpc(outcome.error) : new HostError("cancelled", outcome.cancelled, { sent: child.sent });
      reject(calls.sent ? perhapsSent(error) : error);
    };
    carry(child, through, (outcome) => {
      if (!child.settle(outcome, deliver)) return;
      calls.underWay.delete(child);
      signal?.removeEventListener("abort", abort);
      parent.offStop(stop);
      parent.resume();
      settled(child);
    });
    if (signal?.aborted) abort();
  });
}

/** Those of all levels are counted together. */
function countedWith(parent: HostExchange): OwnCalls<HostExchange> {
  parent.ownCalls ??= parent.isDetached && parent.parent ? countedWith(parent.parent) : { count: 0, sent: false, underWay: new Set() };
  return parent.ownCalls;
}

function refusal(
  parent: HostExchange,
  { count }: OwnCalls<HostExchange>,
  method: string,
  limits: OwnCallsOptions["limits"],
): HostError | undefined {
  const { route, permit } = rowOf(method);
  if (route === "no" && permit === "no")
    return new HostError("invalid_params", `exchange.call does not send ${method}, which is between the client and the host`);
  if (parent.outcome)
    return new HostError("plugin_failure", `exchange.call of ${method} came too late: the request that it belongs to has been answered`);
  if (parent.depth >= limits.callDepth)
    return new HostError("overloaded", `plugins have called ${parent.depth} deep already, and another may not follow (limits.callDepth)`);
  if (count >= limits.callsPerExchange)
    return new HostError("overloaded", `plugins have made ${counted(count, "call")} for this request already (limits.callsPerExchange)`);
  return undefined;
}

/** What comes before the child's answer goes where the parent's would; its progress is the plugin's. */
function sinkOf(parent: HostExchange, onProgress: OwnCallOptions["onProgress"]): Sink {
  return {
    send(message: Message): boolean {
      if (!("method" in message) || message.method !== "notifications/progress")
        return parent.outcome === undefined && parent.sink?.send(message) === true;
      const progress = progressOf(message.params);
      if (progress) onProgress?.(progress);
      return onProgress !== undefined;
    },
  };
}

/** What it says as plugins are told it; undefined where it is none. */
function progressOf(params: Json | undefined): Progress | undefined {
  const { progress, total, message } = params ?? {};
  if (typeof progress !== "number") return undefined;
  return { progress, ...(typeof total === "number" && { total }), ...(typeof message === "string" && { message }) };
}

/** Something was sent on the way to this error, if not by the call that failed: nobody may try the whole again as if nothing had happened. */
function perhapsSent(error: Error): Error {
  if (!(error instanceof HostError) || error.sent !== "no") return error;
  const { type, message, upstream, plugin, retryAfterMs } = error;
  return new HostError(type, message, {
    sent: "unknown",
    cause: error,
    ...(upstream !== undefined && { upstream }),
    ...(plugin !== undefined && { plugin }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
