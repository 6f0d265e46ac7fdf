import type { Config } from "../config/schema.ts";
import type { Entry } from "../exchange/entry.ts";
import type { TraceListener, TraceOptions } from "../exchange/trace.ts";
import type { LogLevel } from "../log.ts";
import type { Clock } from "../plugin/clock.ts";
import type { OperatedEvent } from "../plugin/hook-types.ts";
import type { HostStatus } from "../plugin/host-status.ts";
import type { LogListener } from "../plugin/log-listeners.ts";
import type { OperationInfo, Operations, OperatorDoor, Who } from "../plugin/operations.ts";
import { type ConnectedClient, connectedClients, endClient } from "../session/connected.ts";
import type { Requesters } from "../session/requesters.ts";
import type { Json } from "../wire/message.ts";
import type { Generations } from "./generations.ts";
import type { HostHealth } from "./health.ts";
import type { ReloadReport } from "./reload.ts";
import type { HostStats } from "./stats.ts";
import type { HostPipeline } from "./status.ts";

/** A host as its desk has it. What is done here is told to nobody: that is the desk's. */
export interface OperatedHost {
  readonly clock: Clock;
  /** Milliseconds that calls in flight have when it stops. */
  readonly drain: number;
  /** What its plugins offer now. */
  readonly operations: Operations;
  prepare(): Promise<void>;
  status(): HostStatus;
  stats(): HostStats;
  health(): HostHealth;
  pipeline(): HostPipeline;
  /** What is offered, whoever it is for. */
  entries(): readonly Entry[];
  /** Who is connected. */
  clients(): readonly ConnectedClient[];
  /** Ends what is kept for a client, told by its id among {@link clients}: its session, or the caller that it is. Whether it was there. */
  endClient(id: string): boolean;
  /** Hears the lines of the log. Gives what ends it. */
  hear(listener: LogListener, level: LogLevel): () => void;
  trace(listener: TraceListener, options?: TraceOptions): () => void;
  reload(config?: Config): Promise<ReloadReport>;
  reconnect(upstream: string): Promise<void>;
  /** Whether `/readyz` says that nobody new is to be sent; everything is served on. */
  drainFor(isDraining: boolean): void;
  close(): Promise<void>;
  /** Tells the plugins that serve now. */
  tell(event: OperatedEvent): void;
}

/** What an operation is, for whoever is told that it was run. */
export interface Act extends Pick<OperatedEvent, "who" | "operation"> {
  readonly via?: string;
  readonly plugin?: string;
  readonly params?: Readonly<Json>;
}

/** Where everything that operators have done to a host is done, and told. It stands above the host, which is given it. */
export interface Desk extends OperatorDoor {
  /** Does something and tells it with what came of it. */
  told<T>(act: Act, work: () => Promise<T>): Promise<T>;
}

/** What the program that a host is a part of can have done to it, as the command line can. */
export interface HostOperator {
  /** What there is: the host's own operations, and those of its plugins once it is prepared. */
  list(): readonly OperationInfo[];
  /**
   * Does one of them: params of at most 64 KiB, 30 s, a result of at most 16 MiB.
   * @param params default: none
   * @param who has it done, for the `operated` hook; default `program`
   * @throws Error that says why it was not done, or what there is instead of an unknown name
   */
  run(name: string, params?: Readonly<Json>, who?: Who): Promise<Readonly<Json>>;
}

/** @param untold what the host itself would tell, or tells nobody else */
export function operatedHost(
  host: Pick<OperatedHost, "prepare" | "status" | "stats" | "health" | "pipeline" | "trace" | "close"> & {
    readonly config: { readonly drain: number };
  },
  generations: Pick<Generations, "operations" | "operated" | "catalog">,
  requesters: Requesters,
  clock: Clock,
  untold: Pick<OperatedHost, "reload" | "reconnect" | "drainFor" | "hear">,
): OperatedHost {
  return {
    ...untold,
    clock,
    get drain() {
      return host.config.drain;
    },
    get operations() {
      return generations.operations;
    },
    prepare: () => host.prepare(),
    status: () => host.status(),
    stats: () => host.stats(),
    health: () => host.health(),
    pipeline: () => host.pipeline(),
    entries: () => generations.catalog?.entries() ?? [],
    clients: () => connectedClients(requesters),
    endClient: (id) => endClient(requesters, id),
    trace: (listener, options) => host.trace(listener, options),
    close: () => host.close(),
    tell: (event) => generations.operated(event),
  };
}

/** A host's desk as the program has it. */
export function operatorAt(desk: Desk): HostOperator {
  return Object.freeze({
    list: () => desk.list(),
    run: (name: string, params: Readonly<Json> = {}, who: Who = "program") => desk.run(name, params, who),
  });
}
