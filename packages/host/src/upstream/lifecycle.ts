import type { AnyUpstreamConfig } from "../config/offered.ts";
import { HostError, isRefusal } from "../errors.ts";
import { LISTS } from "../exchange/entry.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { ConnectionState, UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Logger } from "../log.ts";
import { briefReason } from "../redact.ts";
import type { Link } from "../wire/link.ts";
import type { Json } from "../wire/message.ts";
import type { PeerEvents } from "../wire/peer.ts";
import { Backoff } from "./backoff.ts";
import { Closing, quiet } from "./closing.ts";
import { unavailable } from "./failure.ts";
import { type ServerFacts, shakeHands } from "./handshake.ts";
import { type Said, withLastWords } from "./last-words.ts";
import { Life } from "./life.ts";
import { listedBy } from "./lists.ts";

/** Milliseconds after which nobody waits any more for a server that starts: that it is ready is told then. */
const LATE = 2_000;

export interface LifecycleOptions {
  /** The isolation key within the upstream; another where the server turns out to be spoken to otherwise. */
  key: string;
  readonly facts: UpstreamFacts;
  readonly config: AnyUpstreamConfig;
  readonly log: Logger;
  readonly makeLink: () => Promise<Link>;
  /** What is declared to the server at `initialize`. */
  readonly clientInfo: Json;
  readonly capabilities: Json;
}

export interface LifecycleEvents extends Pick<PeerEvents<HostExchange>, "request" | "notification"> {
  state(): void;
  /** The server has been initialized. */
  began(life: Life, server: ServerFacts): void;
  /** The life ends, or has ended: what it was to do later is not to be done. */
  ending(): void;
  /** Whether somebody depends on the connection although nothing is sent, so that it must not rest. */
  needed(): boolean;
  /** Whether it should be up although nobody calls. */
  wanted(): boolean;
}

/** The lives of a connection, one after the other: it connects, is lost, backs off and connects again, or rests until its next use. */
export class Lifecycle {
  state: ConnectionState = "idle";
  reason: string | undefined;
  /** The present one, which may still be connecting. */
  life: Life | undefined;
  /** What the server said of itself, the last time it was asked. */
  server: ServerFacts | undefined;
  /** Milliseconds of the last answered ping or initialize. */
  latency: number | undefined;
  /** How often a live one was lost. */
  restarts = 0;
  /** When the last try to connect began, on the monotonic clock. */
  connectingSince: number | undefined;

  readonly #options: LifecycleOptions;
  readonly #events: LifecycleEvents;
  readonly #backoff = new Backoff();
  readonly #closing = new Closing();
  #lastWords: Said | undefined;
  #connecting: Promise<void> | undefined;
  #renewing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Why it failed, as it was told last. */
  #told: string | undefined;
  /** Why it is not tried again by itself. */
  #barred: "upstream_auth" | "sign_in_required" | undefined;
  /** What is wrong with the live one, by what shows it. */
  readonly #ailments = new Map<"pings" | "lists", string>();
  #stopping = false;

  constructor(options: LifecycleOptions, events: LifecycleEvents) {
    this.#options = options;
    this.#events = events;
  }

  get isReady(): boolean {
    return this.state === "ready" || this.state === "degraded";
  }

  /** The process, and the first and last lines of its stderr: of the last life while there is no other. */
  describe(): { pid?: number; stderr?: string } {
    const { pid, stderr: written } = this.life?.peer.link.describe?.() ?? {};
    const stderr = written || (this.isReady ? undefined : this.#lastWords?.stderr);
    return { ...(pid !== undefined && { pid }), ...(stderr && { stderr }) };
  }

  // --- beginning ---

  /** Resolves when requests can be sent. Reconnects on use, though not at every use of a server that keeps failing. */
  connect(): Promise<void> {
    if (this.isReady) return Promise.resolve();
    if (this.#lacks()) return Promise.reject(this.#unavailable("is not configured"));
    if (this.#connecting) return this.#connecting;
    if (this.state === "draining" || this.state === "stopped") return Promise.reject(this.#unavailable("is stopped"));
    const pause = this.#backoff.pause;
    if (pause > 0) return Promise.reject(this.#unavailable("is not available", pause));
    clearTimeout(this.#retry);
    return this.#begin(this.#attempt());
  }

  /** Whether the config lacks something, so that there is nothing to try. */
  #lacks(): boolean {
    const { config } = this.#options;
    if (!("unconfigured" in config)) return false;
    if (this.state === "idle") this.#set("unconfigured", config.unconfigured.reason);
    return true;
  }

  #begin(attempt: Promise<void>): Promise<void> {
    const connecting = attempt.finally(() => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    });
    this.#connecting = connecting;
    return connecting;
  }

  /**
   * Ends this life once its calls in flight are over, or after `drain` milliseconds, and begins another at once, whatever
   * became of earlier tries. Calls that come meanwhile wait for it. Rejects if it does not come up.
   */
  reconnect(drain: number): Promise<void> {
    if (this.#lacks()) return Promise.reject(this.#unavailable("is not configured"));
    this.#renewing ??= this.#begin(this.#renew(drain, this.#connecting)).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renew(drain: number, before: Promise<void> | undefined): Promise<void> {
    if (this.life && !this.isReady) await this.#end(this.life); // a try under way is given up
    await before?.catch(() => {});
    clearTimeout(this.#retry);
    const { life } = this;
    this.#unwatch(life);
    if (life && !this.#stopping) {
      this.#set("draining");
      await quiet(() => life.peer.inFlight, drain);
      this.life = undefined;
      await this.#end(life);
    }
    if (this.#stopping) throw this.#unavailable("is stopped");
    this.#backoff.reset();
    await this.#attempt();
  }

  async #attempt(): Promise<void> {
    const { makeLink, clientInfo, capabilities, config, facts } = this.#options;
    this.#set("connecting", this.state === "idle" ? undefined : this.reason); // why the last try failed, until this one is through
    this.#backoff.tries();
    const started = performance.now();
    this.connectingSince = started;
    const link = await makeLink();
    if (this.state !== "connecting") throw this.#unavailable("is stopped"); // meanwhile
    const life: Life = new Life(facts.key, link, {
      request: (request, origin) => this.#events.request(request, origin),
      notification: (notification, origin) => this.#events.notification(notification, origin),
      closed: (error) => this.#lost(life, error),
    });
    this.life = life;
    try {
      this.server = await shakeHands(facts.key, life.peer, { clientInfo, capabilities }, config.startTimeout);
    } catch (error) {
      this.#failed(life, error);
      if (isRefusal(error)) throw error; // a plugin's words about credentials
      throw this.#barred
        ? new HostError("upstream_auth", `upstream "${facts.key}" refuses the host's credentials`, { upstream: facts.key })
        : this.#unavailable();
    }
    this.latency = performance.now() - started;
    // Who was told that it is down, or saw it start, waits for this.
    if (this.reason !== undefined || this.latency > LATE)
      this.#options.log.info("an upstream is ready", { upstream: facts.key, connection: this.#options.key, ms: Math.round(this.latency) });
    this.#told = undefined;
    this.#backoff.succeeded();
    this.#barred = undefined;
    this.#ailments.clear();
    this.#set("ready");
    this.#events.began(life, this.server);
    const [kind] = listedBy(this.server.capabilities);
    life.watch(
      config,
      {
        needed: () => this.#events.needed(),
        answered: (latency) => {
          this.latency = latency ?? this.latency;
          this.ails("pings", undefined);
        },
        degraded: (reason) => this.ails("pings", reason),
        unused: () => void this.#rest(),
      },
      kind && LISTS[kind].method,
    );
  }

  /** Whether something is wrong with a live connection, which can be used all the same. @param reason undefined once it is over */
  ails(what: "pings" | "lists", reason: string | undefined): void {
    if (!this.isReady || this.#ailments.get(what) === reason) return;
    if (reason === undefined) this.#ailments.delete(what);
    else this.#ailments.set(what, reason);
    if (this.#ailments.size === 0) this.#set("ready");
    else this.#set("degraded", [...this.#ailments.values()].join("; "));
  }

  #failed(life: Life, error: unknown): void {
    const type = error instanceof HostError || isRefusal(error) ? error.type : undefined;
    this.#barred = type === "upstream_auth" || type === "sign_in_required" ? type : undefined;
    const reason = withLastWords(briefReason(error), life.peer.link.describe?.() ?? {});
    if (this.life === life) this.life = undefined;
    void this.#end(life);
    if (this.state !== "connecting") return; // stopped meanwhile
    this.#warn("an upstream could not be connected", reason);
    this.#backOff(reason, "failed");
  }

  /** @param rest the state of one that nobody needs before its next use */
  #backOff(reason: string, rest: "idle" | "failed"): void {
    if (this.#barred === "sign_in_required") {
      this.#backoff.reset(); // whoever uses it is told what to do, for which nothing is sent
      return this.#set("needs sign-in", reason);
    }
    const wait = this.#backoff.failed();
    const waiting = !this.#barred && this.#events.wanted();
    this.#set(this.#barred || this.#backoff.isHopeless ? "failed" : waiting ? "backing off" : rest, reason);
    if (!waiting) return;
    this.#retry = setTimeout(() => void this.connect().catch(() => {}), Math.max(wait, this.#backoff.pause));
    this.#retry.unref();
  }

  // --- ending ---

  /** The link of a live connection broke. */
  #lost(life: Life, error: HostError): void {
    if (this.life !== life || !this.isReady) return;
    this.life = undefined;
    const reason = withLastWords(error.message, life.peer.link.describe?.() ?? {});
    void this.#end(life);
    this.#warn("an upstream was lost", reason);
    this.restarts++;
    // A server that ends sessions which it served is not failing: the next use begins another one at once.
    if (life.peer.link.sessionEnded && life.hasServed) this.#backoff.reset();
    this.#backOff(reason, "idle");
  }

  /** Stops an unused server; the next use starts it again. */
  async #rest(): Promise<void> {
    const { life } = this;
    this.life = undefined;
    this.#set("idle", `unused for ${this.#options.config.idleTimeout} ms`);
    this.#backoff.reset();
    if (life) await this.#end(life);
  }

  /** Ends the connection for good, after the calls in flight or `drain` milliseconds. */
  async stop(drain: number): Promise<void> {
    if (this.state === "stopped") return;
    this.#stopping = true;
    clearTimeout(this.#retry);
    this.#unwatch(this.life);
    if (this.state !== "draining") this.#set("draining");
    await quiet(() => this.life?.peer.inFlight ?? 0, drain);
    const { life } = this;
    this.#set("stopped");
    if (life) void this.#end(life);
    this.life = undefined;
    await this.#connecting?.catch(() => {});
    await this.#closing.over();
  }

  #unwatch(life: Life | undefined): void {
    life?.unwatch();
    this.#events.ending();
  }

  #end(life: Life): Promise<void> {
    this.#unwatch(life);
    this.#lastWords = life.peer.link.describe?.();
    return this.#closing.end(life.peer);
  }

  #set(state: ConnectionState, reason?: string): void {
    this.state = state;
    this.reason = reason;
    this.#events.state();
  }

  /** What was told already is told again to who looks for it: a server that does not come up is tried for ever. */
  #warn(message: string, reason: string): void {
    const { log, facts, key } = this.#options;
    log[this.#told === reason ? "debug" : "warn"](message, { upstream: facts.key, connection: key, reason });
    this.#told = reason;
  }

  #unavailable(what?: string, retryAfterMs?: number): HostError {
    return unavailable(this.#options.facts.key, what, retryAfterMs);
  }
}
