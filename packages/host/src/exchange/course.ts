import type { HostError, RpcError } from "../errors.ts";
import type { Json, Message, Response } from "../wire/message.ts";
import type { Freshness, ResultType } from "../wire/modern.ts";
import type { Entry } from "./entry.ts";
import type { Exchange, HttpOrigin, OwnAskOptions, OwnCallOptions } from "./exchange.ts";

/** Where messages go that belong to a call and come before its answer: the answer's own stream. */
export interface Sink {
  /** False when nobody is there any more. */
  send(message: Message): boolean;
  /** What the edge knows of the request that it answers, made when it is asked for; undefined where nothing came over HTTP. */
  readonly http?: HttpOrigin | undefined;
  /** Gives headers, names in lower case and values in turn, to the head of the HTTP answer. False where there is none, or it has gone out. */
  give?(headers: readonly string[]): boolean;
  /** Why the headers of the request do not fit what it names, where it has any by which others have routed it. */
  mismatch?(entry: Entry, params: Readonly<Json>): HostError | undefined;
}

/** How a front takes the answer to one request. What is sent before it belongs to the same stream. */
export interface Reply extends Sink {
  /**
   * Gives the answer's size as {@link Exchange.answerBytes} has it.
   * @param freshness of the result, where anything is known of it
   * @param resultType what the result is, for clients that are told
   */
  answer(response: Response, freshness?: Freshness, resultType?: ResultType): number | undefined;
  /** Gives the answer as the text that it is made into already. Only what writes texts has it. */
  write?(text: string): number | undefined;
  /** There will be no answer: the request was cancelled. */
  end(): void;
}

/** Asks a client in a way of its own. */
export interface Asker {
  ask(method: string, params: Readonly<Json>): { readonly answer: Promise<Json>; cancel(error: HostError): void };
  /** How long it may take to answer, in milliseconds. */
  readonly time: number;
}

/** The pipeline that an exchange begins on, and ends on: what of it the exchange and whoever answers it need. */
export interface Course {
  /** Its hook set: only which one it is matters here. */
  readonly hooks: object;
  /** What becomes of an error on its way to the client, where plugins look at those of this method. */
  fail(exchange: Exchange, error: RpcError): Promise<Readonly<RpcError>> | undefined;
  /** Carries a request of a plugin's own, for the same caller. */
  call(parent: Exchange, method: string, params: Json | undefined, options: OwnCallOptions): Promise<Json>;
  /** Asks the caller's client for a plugin. */
  ask(parent: Exchange, method: string, params: Json, options: OwnAskOptions): Promise<Json>;
}

/** Requests of plugins' own that belong to one of a client's. */
export interface OwnCalls<E> {
  /** So many were made. */
  count: number;
  /** One of them may have reached an upstream: from then on the client's request is not provably unsent. */
  sent: boolean;
  readonly underWay: Set<E>;
}
