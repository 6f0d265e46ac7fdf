import { HostError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { isPartOf } from "../exchange/uri-part.ts";
import type { Connection } from "../upstream/connection.ts";
import { isObject, type Json } from "../wire/message.ts";

/** `resources/subscribe` counted per connection and URI: the upstream hears of the first subscriber and the last. */
export class Subscriptions {
  readonly #pending = new WeakMap<Connection, Map<string, Promise<Json>>>();

  /** Takes a `resources/subscribe` or `resources/unsubscribe`. */
  send(exchange: HostExchange, connection: Connection, uri: string, send: () => Promise<Json>): Promise<Json> {
    return exchange.method === "resources/subscribe"
      ? this.#subscribe(exchange, connection, uri, send)
      : this.#unsubscribe(exchange, connection, uri, send);
  }

  #subscribe(exchange: HostExchange, connection: Connection, uri: string, send: () => Promise<Json>): Promise<Json> {
    if (exchange.stopped) return Promise.reject(exchange.stopped);
    const callers = connection.restored.subscriptions.get(uri);
    if (callers) {
      callers.add(exchange.caller.id);
      const first = this.#pendingOf(connection).get(uri);
      // The first may fail for reasons of its own, such as being cancelled; then this one is the first.
      return first ? first.catch(() => this.#subscribe(exchange, connection, uri, send)) : Promise.resolve({});
    }
    connection.restored.subscriptions.set(uri, new Set([exchange.caller.id]));
    const pending = this.#pendingOf(connection);
    const sent = send()
      .catch((error: unknown) => {
        connection.restored.subscriptions.delete(uri);
        throw error;
      })
      .finally(() => pending.delete(uri));
    pending.set(uri, sent);
    return sent;
  }

  #unsubscribe(exchange: HostExchange, connection: Connection, uri: string, send: () => Promise<Json>): Promise<Json> {
    const callers = connection.restored.subscriptions.get(uri);
    if (callers === undefined && !mayHaveSubscriptions(connection))
      return Promise.reject(new HostError("method_not_found", `Method not found: ${exchange.method}`));
    callers?.delete(exchange.caller.id);
    if (callers === undefined || callers.size > 0) return Promise.resolve({});
    connection.restored.subscriptions.delete(uri);
    return send();
  }

  #pendingOf(connection: Connection): Map<string, Promise<Json>> {
    let pending = this.#pending.get(connection);
    if (!pending) this.#pending.set(connection, (pending = new Map()));
    return pending;
  }
}

/** One that has not said what it has may have them. */
function mayHaveSubscriptions({ server }: Connection): boolean {
  const resources = server?.capabilities.resources;
  return !server || (isObject(resources) && resources.subscribe === true);
}

/** The callers that an update of `uri` is for. A server may name a part of what was subscribed (2025-11-25, server/resources). */
export function subscribersOf(connection: Connection, uri: string): Set<string> {
  const found = new Set<string>();
  for (const [subscribed, callers] of connection.restored.subscriptions) {
    if (isPartOf(uri, subscribed)) for (const caller of callers) found.add(caller);
  }
  return found;
}
