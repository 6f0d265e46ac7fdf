import type { ResolvedConfig } from "../config/schema.ts";
import { HostError } from "../errors.ts";
import type { Sink } from "../exchange/course.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import { rowOf } from "../exchange/methods.ts";
import type { Logger } from "../log.ts";
import { unwritable } from "../plugin/blame.ts";
import type { Failures } from "../plugin/failures.ts";
import { shareLevel } from "../session/answers.ts";
import type { ModernCaller, ModernHost } from "../session/modern-caller.ts";
import type { Requester } from "../session/requester.ts";
import type { Requesters } from "../session/requesters.ts";
import type { Session, SessionHost } from "../session/session.ts";
import type { Connection } from "../upstream/connection.ts";
import { countedAre } from "../wire/counted.ts";
import type { Json, Notification } from "../wire/message.ts";
import type { Generations } from "./generations.ts";
import { logBreach, logExchange } from "./request-log.ts";
import type { Stats } from "./stats.ts";

export interface TrafficOptions {
  readonly generations: () => Generations;
  readonly requesters: () => Requesters;
  readonly config: () => ResolvedConfig;
  readonly log: Logger;
  readonly failures: Failures;
  readonly stats: Stats;
  /** Whether the host takes no more requests. */
  readonly isClosing: () => boolean;
}

/** What becomes of what clients send: requests run on what serves now and are counted, logged and told when they are over. */
export class Traffic implements SessionHost, ModernHost {
  readonly #options: TrafficOptions;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  admit(): HostError | undefined {
    const { stats, config, isClosing } = this.#options;
    if (isClosing()) return new HostError("shutting_down", "the host is stopping");
    if (stats.inFlight >= config().limits.inFlight)
      return new HostError("overloaded", `${countedAre(stats.inFlight, "request")} in flight already`);
    return undefined;
  }

  run(exchange: HostExchange): Promise<Json> {
    this.#options.stats.inFlight++;
    return this.#options.generations().serving.pipeline.run(exchange);
  }

  settled(exchange: HostExchange): void {
    this.#options.stats.inFlight--;
    this.over(exchange);
    this.#options.generations().exchangeOver();
  }

  refused(exchange: HostExchange): void {
    this.#options.generations().tracer.trace(exchange);
    this.over(exchange);
  }

  /** Tells of an exchange that is over, whoever's it was. */
  over(exchange: HostExchange): void {
    const { stats, log, failures, config } = this.#options;
    const { serving } = this.#options.generations();
    const { outcome, trace } = exchange;
    stats.count(exchange, serving.upstreams);
    trace?.unwind();
    const leave = serving.hooks.settled && trace?.enter("settled");
    serving.hooks.settled?.(exchange);
    leave?.();
    trace?.over(outcome && "result" in outcome ? undefined : outcome && "error" in outcome ? outcome.cause : exchange.stopped);
    logBreach(failures, exchange);
    logExchange(log, exchange, config().slowCall);
  }

  unwritable(exchange: HostExchange, cause: unknown): HostError {
    const { upstreams, hooks } = this.#options.generations().serving;
    const { outcome, method, route, sent, decisions } = exchange;
    const isError = outcome !== undefined && "error" in outcome;
    const isOffered = route !== undefined && upstreams.get(route.upstream)?.facts.wire === "plugin";
    return unwritable({
      what: "an answer",
      hooks,
      through: isError ? ["fail"] : ["call", "respond"],
      method: rowOf(method).respond === "origin" ? undefined : method,
      maker: decisions.findLast(({ did }) => did === "answered") ?? (isOffered ? { plugin: route.upstream, hook: "offer" } : undefined),
      sent,
      cause,
    });
  }

  notification(session: Session, notification: Notification, sink: Sink): void {
    const generations = this.#options.generations();
    const params = notification.params ?? {};
    if (notification.method === "notifications/roots/list_changed") {
      for (const upstream of generations.serving.upstreams.values()) {
        const connection = upstream.connectionFor(session);
        if (connection.owner === session && connection.capabilities.roots !== undefined)
          connection.notify(notification.method, notification.params);
      }
    } else if (notification.method === "notifications/tasks/status") generations.serverRequests.taskStatus(session, params);
    else void generations.serving.pipeline.notify(session, notification, sink);
  }

  levelLowered(caller: ModernCaller): void {
    for (const upstream of this.#options.generations().serving.upstreams.values()) this.#shareLevel(upstream.connectionFor(caller));
  }

  /** A session is over. */
  closed(session: Session): void {
    this.released(session);
    this.#options.generations().serving.hooks.session?.({ event: "closed", session });
  }

  /** Somebody sends no more requests: what was only theirs goes with them. */
  released(requester: Requester): void {
    for (const upstream of this.#options.generations().serving.upstreams.values())
      for (const connection of upstream.release(requester)) this.#shareLevel(connection);
  }

  #shareLevel(connection: Connection): void {
    shareLevel(connection, (id) => this.#options.requesters().get(id));
  }
}
