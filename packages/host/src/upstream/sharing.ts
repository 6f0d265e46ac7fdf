import type { AnyUpstreamConfig } from "../config/offered.ts";
import { type Caller, scopeOf } from "../exchange/caller.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Json } from "../wire/message.ts";
import { isModern } from "../wire/versions.ts";
import { capabilitySet } from "./capabilities.ts";
import { isOpenToSse } from "./links.ts";
import type { KnownEra, Verdict } from "./verdict.ts";

const MODERN = "modern ";
/** Of everybody, where each request says for itself what can be asked. */
const SHARED_MODERN = `${MODERN}shared`;

/** Who shares a connection to one upstream: those whose connections have the same key. */
export class Sharing {
  readonly #facts: UpstreamFacts;
  readonly #config: AnyUpstreamConfig;
  readonly #known: KnownEra;

  constructor(facts: UpstreamFacts, config: AnyUpstreamConfig, known: KnownEra) {
    this.#facts = facts;
    this.#config = config;
    this.#known = known;
  }

  /** The key of a caller's connection, as far as is known how the server is spoken to. */
  keyFor(caller: Caller): string {
    const { wire, isolation } = this.#facts;
    const era = isModern(caller.client.version) ? "modern" : "legacy";
    if (this.#eraFor(era) === "modern" && !caller.sole) return this.modernKey(caller);
    if (caller.sole || isolation === "session") return `session ${caller.id}`;
    const set = wire === "http" ? capabilitySet(caller.capabilities) : {};
    if (isolation === "principal") return `${scopeOf(caller)} ${JSON.stringify(set)}`;
    return this.#legacyKey(set);
  }

  /** The key of the connection that is opened before anybody came. @param prefers the era of those who will come */
  baseKey(prefers: Verdict["era"]): string {
    return this.#eraFor(prefers) === "modern" ? SHARED_MODERN : this.#legacyKey({});
  }

  /**
   * Over HTTP, a server of both eras is spoken to in that of the caller. Until it is known what a server speaks, its
   * connections have the keys of the legacy era.
   */
  #eraFor(era: Verdict["era"]): Verdict["era"] {
    const { protocol } = this.#config;
    if (this.#facts.wire !== "http" || protocol === "legacy") return "legacy";
    if (protocol === "modern") return "modern";
    return this.#known.era === "modern" && (era === "modern" || this.#known.initializes === false) ? "modern" : "legacy";
  }

  /** Without sessions there is nothing to keep apart but credentials, and nobody has others than those who are as nameless. */
  modernKey(caller: Pick<Caller, "id" | "principal"> | undefined): string {
    if (!caller || this.#facts.isolation === "shared") return SHARED_MODERN;
    const { id } = caller.principal;
    return `${MODERN}${id === "anonymous" || id === "local" ? id : scopeOf(caller)}`;
  }

  /** A wire that cannot attribute a question to a call has one shared connection, which asks nothing. */
  #legacyKey(set: Json): string {
    if (this.#facts.wire === "http") return sharedKey(set);
    return isOpenToSse(this.#config) ? sharedKey({}) : "shared";
  }
}

export function isModernKey(key: string): boolean {
  return key.startsWith(MODERN);
}

/** Whether a connection stays although nobody uses it. */
export function isLasting(key: string): boolean {
  return key === "shared" || key === sharedKey({}) || (isModernKey(key) && !key.startsWith(`${MODERN}principal:`));
}

/** Who shares a connection of the legacy era can be asked the same. */
export function sharedKey(set: Json): string {
  return `shared ${JSON.stringify(set)}`;
}
