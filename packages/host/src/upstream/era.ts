import { HostError, PeerError } from "../errors.ts";
import type { AddedHeader, Link, LinkEvents } from "../wire/link.ts";
import { type Id, isObject, isRequest, isResponse, type Json, type Message, type Request } from "../wire/message.ts";
import { freshnessIn, serverIn, stampRequest } from "../wire/modern.ts";
import { MODERN_VERSIONS } from "../wire/versions.ts";
import { capabilitySet } from "./capabilities.ts";
import { failure } from "./failure.ts";
import { ModernDialect } from "./modern-dialect.ts";
import type { Said } from "./rounds.ts";

/** How a server may be spoken to. */
export type Protocol = "auto" | "legacy" | "modern";

/** What is known of an upstream's era, by all its connections. */
export class KnownEra {
  #era: "legacy" | "modern" | undefined;
  #since = 0;
  /** Whether its process was started once more because it ended at `initialize`. */
  wasRestarted = false;

  /** A server that was of the legacy era may have become one of both since, which nothing else would ever show. */
  get era(): "legacy" | "modern" | undefined {
    return this.#era === "legacy" && Date.now() - this.#since > DAY ? undefined : this.#era;
  }

  found(era: "legacy" | "modern" | undefined): void {
    this.#era = era;
    this.#since = Date.now();
  }
}

const DAY = 86_400_000;
/** A server that does not know `server/discover` may be silent about it. */
const PATIENCE = 5_000;
/** Failures that are about access, load or the way, and tell nothing of the era. */
const UNRELATED = new Set(["upstream_auth", "rate_limited", "upstream_down", "shutting_down", "plugin_failure"]);

export interface EraOptions {
  readonly upstream: string;
  readonly protocol: Exclude<Protocol, "legacy">;
  readonly known: KnownEra;
  readonly isHttp: boolean;
  /** Milliseconds that the server has for its start. */
  readonly startTimeout: number;
  readonly makeWire: () => Promise<Link>;
  /** What is said of a request, but for the name of the program that it is sent for. @param origin as its sender said */
  readonly client: (origin: unknown) => Omit<Said, "info"> | undefined;
  readonly warn: (message: string, fields: Json) => void;
}

/** A request of the link's own that waits for its answer. */
interface Waiting {
  readonly id: Id;
  readonly settle: (outcome: Json | Error) => void;
}

/**
 * A wire to a server whose era is found out at `initialize`: over HTTP by `server/discover` before it, elsewhere after it was
 * refused, since servers of the legacy era have been seen to end at a message that they do not know. What speaks over it is
 * the same for both.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#backward-compatibility-with-initialization-based-versions
 */
export class EraLink implements Link {
  readonly #options: EraOptions;
  #events!: LinkEvents; // set by open(), before anything can arrive
  #wire: Link | undefined;
  #dialect: ModernDialect | undefined;
  /** `initialize`, until it was answered. */
  #initialize: Request | undefined;
  #discovering: Waiting | undefined;
  #wasAsked = false;
  #isRestarting = false;
  #closed = false;

  constructor(options: EraOptions) {
    this.#options = options;
  }

  get era(): "modern" | undefined {
    return this.#dialect && "modern";
  }

  hears(list: string): boolean | undefined {
    return this.#dialect?.hears(list);
  }

  get sessionEnded(): boolean {
    return this.#wire?.sessionEnded === true;
  }

  open(events: LinkEvents): Promise<void> {
    this.#events = events;
    return this.#openWire();
  }

  async #openWire(): Promise<void> {
    const events = this.#events;
    const wire = await this.#options.makeWire();
    if (this.#closed) throw failure(this.#options.upstream, "shutting_down", "is being closed"); // meanwhile
    this.#wire = wire;
    await wire.open({
      message: (message, origin) => this.#message(message, origin),
      failed: (id, error) => this.#failed(id, error),
      allFailed: (error) => (this.#dialect ?? events).allFailed(error),
      garbage: (reason) => events.garbage(reason),
      origin: (id) => events.origin(id),
      nextId: () => events.nextId(),
      closed: (error) => this.#lost(wire, error),
    });
  }

  send(message: Message, relatedTo?: Id, headers?: readonly AddedHeader[]): void {
    if (this.#dialect) this.#dialect.send(message, headers);
    else if (isRequest(message) && message.method === "initialize") void this.#begin(message);
    else this.#wire?.send(message, relatedTo, headers);
  }

  negotiated(protocolVersion: string): void {
    this.#wire?.negotiated?.(protocolVersion);
  }

  forget(id: Id): void {
    if (this.#dialect) this.#dialect.forget(id);
    else if (id === this.#initialize?.id && this.#discovering)
      this.#giveUp(failure(this.#options.upstream, "upstream_timeout", "was given up"));
    else this.#wire?.forget?.(id);
  }

  watchTask(taskId: string, agreed: (does: boolean) => void): void {
    if (this.#dialect) this.#dialect.watchTask(taskId, agreed);
    else agreed(false);
  }

  unwatchTask(taskId: string): void {
    this.#dialect?.unwatchTask(taskId);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#dialect?.close();
    this.#discovered(failure(this.#options.upstream, "shutting_down", "is being closed"));
    await this.#wire?.close();
  }

  describe(): { pid?: number; stderr?: string; stdout?: string } {
    return this.#wire?.describe?.() ?? {};
  }

  // --- which era ---

  async #begin(initialize: Request): Promise<void> {
    const { protocol, known, isHttp } = this.#options;
    this.#initialize = initialize;
    if (protocol === "modern" || known.era === "modern" || (isHttp && known.era === undefined)) {
      const error = await this.#discover(initialize);
      if (!error || this.#initialize !== initialize) return;
      if (protocol === "modern" || (error instanceof HostError && UNRELATED.has(error.type))) return this.#refuse(initialize, error);
      known.found(undefined);
    }
    this.#wire?.send(initialize);
  }

  /** Asks the server for its modern side; gives why it has none. */
  async #discover(initialize: Request): Promise<Error | undefined> {
    const { upstream, protocol, startTimeout } = this.#options;
    this.#wasAsked = true;
    const patience = protocol === "modern" ? startTimeout : Math.min(PATIENCE, startTimeout / 2);
    const [version] = MODERN_VERSIONS;
    const outcome = await new Promise<Json | Error>((settle) => {
      const id = this.#events.nextId();
      const late = setTimeout(
        () => this.#giveUp(failure(upstream, "upstream_timeout", `did not answer server/discover in ${patience} ms`)),
        patience,
      );
      const headers = [
        ["mcp-protocol-version", version],
        ["mcp-method", "server/discover"],
      ].map(([name = "", value = ""]): AddedHeader => ({ name, value, by: undefined }));
      const params = stampRequest(undefined, version, this.#stampOf(initialize, undefined));
      const settled = (outcome: Json | Error): void => {
        clearTimeout(late);
        settle(outcome);
      };
      this.#discovering = { id, settle: settled };
      this.#wire?.send({ jsonrpc: "2.0", id, method: "server/discover", params }, undefined, headers);
    });
    if (outcome instanceof Error) return outcome;
    const { supportedVersions } = outcome;
    if (!Array.isArray(supportedVersions) || !supportedVersions.includes(version))
      return failure(upstream, "upstream_protocol", "answers server/discover with none of the versions that the host speaks", "no");
    this.#speakModern(initialize, version, outcome);
    return undefined;
  }

  #giveUp(error: HostError): void {
    const { id } = this.#discovering ?? {};
    if (id !== undefined) this.#wire?.forget?.(id);
    this.#discovered(error);
  }

  #discovered(outcome: Json | Error): void {
    const discovering = this.#discovering;
    this.#discovering = undefined;
    discovering?.settle(outcome);
  }

  #speakModern(initialize: Request, version: string, discovered: Json): void {
    const { upstream, known, isHttp, warn } = this.#options;
    const { tasks: _, ...capabilities } = isObject(discovered.capabilities) ? discovered.capabilities : {};
    known.found("modern");
    this.#initialize = undefined;
    this.#dialect = new ModernDialect({
      upstream,
      version,
      wire: this.#wire as Link, // it has answered
      events: this.#events,
      isHttp,
      capabilities,
      stamp: (origin) => this.#stampOf(initialize, origin),
      warn,
      lost: () => known.found(undefined),
    });
    const { instructions } = discovered;
    const result = { protocolVersion: version, capabilities, serverInfo: serverIn(discovered), instructions };
    this.#events.message({ jsonrpc: "2.0", id: initialize.id, result }, undefined, freshnessIn(discovered));
  }

  /** What a request says of its client: what the connection was opened with, and of a caller what that one can be asked. */
  #stampOf({ params = {} }: Request, origin: unknown): Said {
    const info = isObject(params.clientInfo) ? params.clientInfo : {};
    const { tasks: _, ...declared } = capabilitySet(isObject(params.capabilities) ? params.capabilities : {});
    return { capabilities: declared, logLevel: undefined, ...this.#options.client(origin), info };
  }

  #refuse(initialize: Request, error: Error): void {
    this.#initialize = undefined;
    if (!(error instanceof PeerError)) return this.#events.failed(initialize.id, error as HostError); // there are no others
    const { upstream, protocol } = this.#options;
    if (protocol === "auto") return this.#events.message({ jsonrpc: "2.0", id: initialize.id, error: error.rpc }, undefined);
    const what = `answered server/discover with error ${error.rpc.code}, and its \`protocol\` in the config says "modern"`;
    this.#events.failed(initialize.id, failure(upstream, "upstream_protocol", what, "no", error));
  }

  // --- what comes in ---

  #message(message: Message, origin: Id | undefined): void {
    if (this.#dialect) return this.#dialect.message(message, origin);
    const initialize = this.#initialize;
    if (!initialize || !isResponse(message)) return this.#events.message(message, origin);
    if (message.id === this.#discovering?.id) return this.#discovered("result" in message ? message.result : new PeerError(message.error));
    if (message.id !== initialize.id) return this.#events.message(message, origin);
    if ("error" in message && !this.#wasAsked) return void this.#askOtherwise(initialize, new PeerError(message.error));
    if ("result" in message) this.#options.known.found("legacy");
    this.#initialize = undefined;
    this.#events.message(message, origin);
  }

  #failed(id: Id, error: HostError): void {
    if (this.#dialect) this.#dialect.failed(id, error);
    else if (id === this.#discovering?.id) this.#discovered(error);
    else this.#events.failed(id, error);
  }

  /** `initialize` was refused: perhaps because the server has none. */
  async #askOtherwise(initialize: Request, refused: Error): Promise<void> {
    const error = await this.#discover(initialize);
    if (error && this.#initialize === initialize) this.#refuse(initialize, refused);
  }

  #lost(wire: Link, error: HostError): void {
    if (wire !== this.#wire) return;
    const { known, isHttp } = this.#options;
    const initialize = this.#initialize;
    this.#dialect?.close();
    if (initialize && !isHttp && !this.#wasAsked && !known.wasRestarted && !this.#closed) {
      known.wasRestarted = true;
      void this.#restart(initialize, error);
      return;
    }
    this.#discovered(error);
    if (!this.#isRestarting) this.#events.closed(error);
  }

  /** The server has ended at `initialize`: one that does so to a message which it does not know is asked for its modern side first. */
  async #restart(initialize: Request, ended: HostError): Promise<void> {
    this.#wasAsked = this.#isRestarting = true;
    const error = await this.#openWire().then(
      () => this.#discover(initialize),
      (cause: unknown) => cause,
    );
    this.#isRestarting = false;
    if (error && this.#initialize === initialize) this.#events.closed(ended);
  }
}
