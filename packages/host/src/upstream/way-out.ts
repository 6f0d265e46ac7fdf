import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Caller, Principal } from "../exchange/caller.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import { isRoundOfClient, withoutRoots } from "../exchange/round.ts";
import type { Credentials, CredentialsRequest, UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Logger } from "../log.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link } from "../wire/link.ts";
import type { Json } from "../wire/message.ts";
import { isModern } from "../wire/versions.ts";
import type { Authorization } from "./authorization.ts";
import { askedCapabilities, withoutTasks } from "./capabilities.ts";
import { unavailable } from "./failure.ts";
import { type LinkOptions, makeLink } from "./links.ts";
import type { Said } from "./rounds.ts";
import type { UrlWire } from "./url.ts";
import type { KnownEra } from "./verdict.ts";

export interface WayOutOptions {
  readonly key: string;
  readonly config: AnyUpstreamConfig;
  /** The folder that a stdio server starts in. */
  readonly folder: string;
  readonly limits: Limits;
  readonly log: Logger;
  /** Where plugins give credentials, if any do. */
  readonly credentials: () => ((credentials: Credentials, request: CredentialsRequest) => Promise<Credentials>) | undefined;
  /** Makes a transport that a plugin or code brought, for a connection of this principal's or of everybody's. */
  readonly openTransport: (principal: Principal | undefined) => Awaitable<Transport>;
}

/** Whom a request is for that the host sends over a connection of many. */
const nobody = (info: Json): Said => ({ info, capabilities: {}, logLevel: undefined });

/** How an upstream is reached: with whose credentials, over which wire, and what a server of the modern era is told of callers. */
export class WayOut {
  readonly #options: WayOutOptions;
  readonly #facts: UpstreamFacts;
  readonly #era: KnownEra;
  readonly #found: (wire: UrlWire) => void;
  /** What each caller can be asked, for servers of the modern era. */
  readonly #asked = new WeakMap<Caller, Json>();

  /** @param found told over which wire a server is reached that has only a `url` */
  constructor(options: WayOutOptions, facts: UpstreamFacts, era: KnownEra, found: (wire: UrlWire) => void) {
    this.#options = options;
    this.#facts = facts;
    this.#era = era;
    this.#found = found;
  }

  async link(
    principal: Principal | undefined,
    owner: Caller | undefined,
    how: Pick<LinkOptions, "prefers" | "settled" | "described">,
  ): Promise<Link> {
    const { key, config, limits, folder, log } = this.#options;
    if ("open" in config) return config.open(owner);
    if ("unconfigured" in config) throw unavailable(key, "is not configured");
    return makeLink({
      key,
      config,
      folder,
      limits,
      authorization: await this.#authorization(principal),
      openTransport: () => this.#options.openTransport(principal),
      known: this.#facts.wire === "sse" ? "sse" : "http",
      found: this.#found,
      era: this.#era,
      client: (origin, info) => (origin instanceof HostExchange ? this.#clientOf(origin, info) : owner ? undefined : nobody(info)),
      warn: (message, fields) => log.warn(message, fields),
      ...how,
    });
  }

  /** What a server of the modern era is told of the client that a request is sent for. */
  #clientOf(exchange: HostExchange, info: Json): Said {
    const { caller, client, brought, depth } = exchange;
    const asked = this.asks(caller);
    const capabilities = depth > 0 ? withoutTasks(asked) : asked; // a plugin that calls waits for the result
    // Of the legacy era, a client that said nothing hears what it always did.
    const isNamed = isModern(client.version);
    const logLevel = client.logLevel ?? (isNamed ? undefined : "info");
    // A stdio server may take its allowed folders from roots, whether it asked for them or not.
    const keepsRoots = asked.roots === undefined && caller.capabilities.roots !== undefined;
    const round = brought && !brought.from && asked.roots === undefined ? withoutRoots(brought) : brought;
    return { info, capabilities, logLevel, round, isRoundOfClient: isRoundOfClient(exchange), isNamed, keepsRoots };
  }

  /** What a server of the modern era is told that a caller can be asked. */
  asks(caller: Caller): Json {
    let asked = this.#asked.get(caller);
    if (!asked) this.#asked.set(caller, (asked = askedCapabilities(caller, this.#facts.wire, this.#options.config)));
    return asked;
  }

  async #authorization(principal: Principal | undefined): Promise<Authorization | undefined> {
    const ask = this.#options.credentials();
    if (!ask) return undefined;
    const { Authorization, NO_CREDENTIALS } = await import("./authorization.ts");
    return new Authorization(this.#options.key, (why) => ask(NO_CREDENTIALS, { upstream: this.#facts, principal, ...why }));
  }
}
