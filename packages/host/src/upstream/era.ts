import type { HostError } from "../errors.ts";
import type { AddedHeader, Link, LinkEvents } from "../wire/link.ts";
import { type Id, isObject, isRequest, isResponse, type Json, type Message, type Request, type Response } from "../wire/message.ts";
import { freshnessIn } from "../wire/modern.ts";
import { PeerError } from "../wire/peer-error.ts";
import { isSupportedVersion } from "../wire/versions.ts";
import { capabilitySet } from "./capabilities.ts";
import { type Described, described } from "./described.ts";
import { type Discovered, Discovery, isOutOfOrder, isUnrelated } from "./discovery.ts";
import { failure, HttpRefusal } from "./failure.ts";
import { ModernDialect } from "./modern-dialect.ts";
import type { Said } from "./rounds.ts";
import type { KnownEra, Verdict } from "./verdict.ts";

/** How a server may be spoken to. */
export type Protocol = "auto" | "legacy" | "modern";

/** A server that does not know `server/discover` may be silent about it, as one of the modern era about `initialize`. */
const PATIENCE = 5_000;

export interface EraOptions {
  readonly upstream: string;
  readonly protocol: Exclude<Protocol, "legacy">;
  readonly known: KnownEra;
  readonly isHttp: boolean;
  /** The era of whom the connection is for: over HTTP, a server of both is spoken to in that. */
  readonly prefers: Verdict["era"];
  /** Milliseconds that the server has for its start. */
  readonly startTimeout: number;
  readonly makeWire: () => Promise<Link>;
  /** What is said of a request. @param origin as its sender said @param info the program that it is sent for, as the connection was opened */
  readonly client: (origin: unknown, info: Json) => Said | undefined;
  readonly warn: (message: string, fields: Json) => void;
  /** What the server speaks here from now on. Gives whether the connection is still wanted. */
  readonly settled: (era: Verdict["era"]) => boolean;
  /** A server of the modern era says something else of itself than before. */
  readonly described: (server: Described) => void;
}

/**
 * A wire to a server whose era is found out at `initialize`: over HTTP by `server/discover` before it, elsewhere after it was
 * refused, since servers of the legacy era have been seen to end at a message that they do not know. Over HTTP a server of both
 * is initialized for who is of the legacy era, so that nothing needs to be translated. What speaks over it is the same for both.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#backward-compatibility-with-initialization-based-versions
 */
export class EraLink implements Link {
  readonly #options: EraOptions;
  #events!: LinkEvents; // set by open(), before anything can arrive
  #wire: Link | undefined;
  #dialect: ModernDialect | undefined;
  /** `initialize`, until it was answered. */
  #initialize: Request | undefined;
  readonly #discovery: Discovery;
  /** What the server said of itself, while it is tried whether it is of the legacy era, too. */
  #discovered: Discovered | undefined;
  /** Whether nothing can be made of what the server said. */
  #isUnsure = false;
  /** Until that trial is given up. */
  #trial: NodeJS.Timeout | undefined;
  #isRestarting = false;
  #closed = false;

  constructor(options: EraOptions) {
    this.#options = options;
    this.#discovery = new Discovery(options.upstream);
  }

  get era(): "modern" | undefined {
    return this.#dialect && "modern";
  }

  hears(list: string): boolean | undefined {
    return this.#dialect?.listening.hears(list);
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
    if (this.#dialect) return this.#dialect.forget(id);
    if (id === this.#initialize?.id) {
      this.#initialize = undefined;
      clearTimeout(this.#trial);
      if (this.#discovery.isUnderWay) return this.#discovery.giveUp(failure(this.#options.upstream, "upstream_timeout", "was given up"));
    }
    this.#wire?.forget?.(id);
  }

  watchTask(taskId: string, agreed: (does: boolean) => void): void {
    if (this.#dialect) this.#dialect.listening.watchTask(taskId, agreed);
    else agreed(false);
  }

  unwatchTask(taskId: string): void {
    this.#dialect?.listening.unwatchTask(taskId);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#trial);
    this.#dialect?.close();
    this.#discovery.settle(failure(this.#options.upstream, "shutting_down", "is being closed"));
    await this.#wire?.close();
  }

  describe(): { pid?: number; stderr?: string; stdout?: string } {
    return this.#wire?.describe?.() ?? {};
  }

  // --- which era ---

  async #begin(initialize: Request): Promise<void> {
    const { protocol, known, isHttp, prefers } = this.#options;
    this.#initialize = initialize;
    while (isHttp && known.era === undefined && known.asking) await known.asking;
    if (this.#closed || this.#initialize !== initialize) return;
    const mayMirror = isHttp && protocol === "auto" && prefers === "legacy";
    if (mayMirror && known.era === "modern" && known.initializes !== false) return this.#try(initialize);
    if (protocol === "modern" || known.era === "modern" || (isHttp && known.era === undefined)) {
      const found = await known.asked(this.#discover(initialize));
      if (this.#initialize !== initialize) return;
      if (!(found instanceof Error)) {
        known.found("modern");
        if (!mayMirror || known.initializes === false) return this.#speakModern(initialize, found);
        this.#discovered = found;
        return this.#try(initialize);
      }
      // Some servers of the legacy era refuse so whatever comes without a session; others are out of order, and refuse `initialize`, too.
      this.#isUnsure = isOutOfOrder(found);
      if (protocol === "modern" || (isUnrelated(found) && !this.#isUnsure)) return this.#refuse(initialize, found);
      if (!this.#isUnsure) known.found(undefined);
    }
    this.#wire?.send(initialize);
  }

  /** Asks the server for its modern side; gives why it has none. */
  #discover(initialize: Request): Promise<Discovered | Error> {
    return this.#discovery.ask(this.#wire, this.#events, this.#stamper(initialize)(undefined), this.#patience);
  }

  get #patience(): number {
    const { protocol, startTimeout } = this.#options;
    return protocol === "modern" ? startTimeout : Math.min(PATIENCE, startTimeout / 2);
  }

  /** The server is of the modern era, and who wants it is not: perhaps it is of both. */
  #try(initialize: Request): void {
    this.#trial = setTimeout(() => {
      this.#wire?.forget?.(initialize.id);
      void this.#translate(initialize);
    }, this.#patience);
    this.#wire?.send(initialize);
  }

  /** It is not, and everything is translated. */
  async #translate(initialize: Request): Promise<void> {
    const { known } = this.#options;
    this.#endTrial(false);
    if (!this.#isWanted(initialize, "modern")) return;
    const found = this.#discovered ?? (await this.#discover(initialize));
    if (this.#initialize !== initialize) return;
    if (!(found instanceof Error)) return this.#speakModern(initialize, found);
    if (!isUnrelated(found)) known.found(undefined);
    this.#refuse(initialize, found);
  }

  #endTrial(initializes: boolean): void {
    clearTimeout(this.#trial);
    this.#trial = undefined;
    this.#options.known.tried(initializes);
  }

  #isWanted(initialize: Request, era: Verdict["era"]): boolean {
    if (this.#options.settled(era)) return true;
    this.#initialize = undefined;
    this.#events.failed(initialize.id, failure(this.#options.upstream, "upstream_down", "is reached over another connection"));
    return false;
  }

  #speakModern(initialize: Request, { version, result: discovered }: Discovered): void {
    const { upstream, known, isHttp, warn } = this.#options;
    known.found("modern");
    if (!this.#isWanted(initialize, "modern")) return;
    this.#initialize = undefined;
    const server = described(discovered);
    this.#dialect = new ModernDialect({
      upstream,
      version,
      wire: this.#wire as Link, // it has answered
      events: this.#events,
      isHttp,
      server,
      stamp: this.#stamper(initialize),
      warn,
      lost: () => known.found(undefined),
      described: (now) => this.#options.described(now),
    });
    const result = { protocolVersion: version, ...server };
    this.#events.message({ jsonrpc: "2.0", id: initialize.id, result }, undefined, freshnessIn(discovered));
  }

  /** Gives what a request says of its client: what the connection was opened with, and of a caller what that one can be asked. */
  #stamper({ params = {} }: Request): (origin: unknown) => Said {
    const info = isObject(params.clientInfo) ? params.clientInfo : {};
    const { tasks: _, ...capabilities } = capabilitySet(isObject(params.capabilities) ? params.capabilities : {});
    const nobody: Said = { capabilities, logLevel: undefined, info };
    return (origin) => this.#options.client(origin, info) ?? nobody;
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
    if (!isResponse(message)) return this.#events.message(message, origin);
    if (this.#discovery.answered(message)) return;
    const initialize = this.#initialize;
    if (message.id !== initialize?.id) return this.#events.message(message, origin);
    this.#answered(initialize as Request, message);
  }

  /** `initialize` was answered. */
  #answered(initialize: Request, answer: Response): void {
    const { known } = this.#options;
    const isTaken = "result" in answer;
    if (this.#trial) {
      // Without a session its older side can neither ask nor tell of changes, which its modern one can.
      const isWhole = isTaken && isSupportedVersion(answer.result.protocolVersion) && this.#wire?.hasSession !== false;
      if (!isWhole) return void this.#translate(initialize);
      this.#endTrial(true);
    } else if (!isTaken && !this.#discovery.wasSent) return void this.#askOtherwise(initialize, new PeerError(answer.error));
    else if (isTaken && !this.#isUnsure) known.found("legacy");
    if (isTaken && !this.#isWanted(initialize, "legacy")) return;
    this.#initialize = undefined;
    this.#events.message(answer, undefined);
  }

  #failed(id: Id, error: HostError): void {
    if (this.#dialect) return this.#dialect.failed(id, error);
    if (this.#discovery.failed(id, error)) return;
    const { known, isHttp } = this.#options;
    const initialize = this.#initialize;
    if (initialize?.id === id) {
      if (this.#trial && isRefused(error)) return void this.#translate(initialize);
      clearTimeout(this.#trial);
      // What is known of it may be of yesterday.
      if (isHttp && !this.#discovery.wasSent && !isUnrelated(error)) known.found(undefined);
    }
    this.#events.failed(id, error);
  }

  /** `initialize` was refused: perhaps because the server has none. */
  async #askOtherwise(initialize: Request, refused: Error): Promise<void> {
    const found = await this.#discover(initialize);
    if (this.#initialize !== initialize) return;
    if (found instanceof Error) this.#refuse(initialize, refused);
    else this.#speakModern(initialize, found);
  }

  #lost(wire: Link, error: HostError): void {
    if (wire !== this.#wire) return;
    const { known, isHttp } = this.#options;
    const initialize = this.#initialize;
    clearTimeout(this.#trial);
    this.#dialect?.close();
    if (initialize && !isHttp && !this.#discovery.wasSent && !known.wasRestarted && !this.#closed) {
      known.wasRestarted = true;
      void this.#restart(initialize, error);
      return;
    }
    this.#discovery.settle(error);
    if (!this.#isRestarting) this.#events.closed(error);
  }

  /** The server has ended at `initialize`: one that does so to a message which it does not know is asked for its modern side first. */
  async #restart(initialize: Request, ended: HostError): Promise<void> {
    this.#discovery.wasSent = this.#isRestarting = true;
    const found = await this.#openWire().then(
      () => this.#discover(initialize),
      (cause: Error) => cause,
    );
    this.#isRestarting = false;
    if (this.#initialize !== initialize) return;
    if (found instanceof Error) this.#events.closed(ended);
    else this.#speakModern(initialize, found);
  }
}

/** Whether a server that knows no `initialize` may fail it so: not where it was out of reach, or busy. */
function isRefused(error: HostError): boolean {
  return error instanceof HttpRefusal ? error.answered < 500 && error.answered !== 429 : error.type === "upstream_protocol";
}
