import { HostError } from "../errors.ts";
import { type Id, isObject, type Json } from "../wire/message.ts";
import { modernMethod, type Round } from "../wire/modern.ts";
import { isModern } from "../wire/versions.ts";
import type { Exchange } from "./exchange.ts";

/** Questions by the names that whoever asks has for them: each a `method` and perhaps `params`. */
export type InputRequests = Readonly<Record<string, { readonly method: string; readonly params?: Json }>>;

/** What an upstream answers a request with that it wants to know more about first (`input_required`). */
export interface Asks {
  /** Whether the answers go to the upstream with the next request; else that one is a call like the first. */
  readonly isRelayed: boolean;
  readonly upstream: string;
  readonly native: string;
  /** The upstream's own note of where it was. */
  readonly state: string | undefined;
  /** What is left for the client. */
  readonly requests: InputRequests;
  /** What plugins have answered in its place. */
  readonly answers: Json;
}

/** What a request brings of the round before it, for the upstream. */
export interface Brought extends Round {
  /** Where the questions came from: it goes there again. Undefined for answers that nobody asked for, as a client may send. */
  readonly from: { readonly upstream: string; readonly native: string } | undefined;
  /** What the answers are to: methods by the names of the questions. */
  readonly asked: Readonly<Record<string, string>>;
  /** How many rounds came before it. */
  readonly number: number;
}

/**
 * Whether a request may be answered with what an upstream asks, for its client to send it again with the answers
 * (2026-07-28, basic/patterns/mrtr). What plugins send themselves waits for its answer.
 */
export function isRoundOfClient({
  wireId,
  client,
  method,
}: Pick<Exchange, "client" | "method"> & { readonly wireId: Id | undefined }): boolean {
  return wireId !== undefined && isModern(client.version) && modernMethod(method)?.hasRounds === true;
}

/** Answers that nobody asked for, without those that are roots. */
export function withoutRoots<R extends Round>(round: R): R {
  const kept = Object.entries(round.inputResponses ?? {}).filter(([, result]) => !(isObject(result) && "roots" in result));
  return { ...round, inputResponses: kept.length > 0 ? Object.fromEntries(kept) : undefined };
}

/** What a client brings back is none that it was given for this. The same words for whatever is wrong with it. */
export function stateInvalid(): HostError {
  return new HostError(
    "state_invalid",
    "the requestState is not valid for this request, or not any more; send the request again without it",
  );
}
