import type { Tracer } from "../exchange/tracer.ts";
import type { Clock } from "./clock.ts";
import type { Failures } from "./failures.ts";
import type { LogListeners } from "./log-listeners.ts";
import type { OperatorDoor } from "./operations.ts";
import type { PluginHost } from "./plugin.ts";
import type { Random } from "./random.ts";
import type { Stores } from "./stores.ts";
import type { TransportFactory } from "./transport-registry.ts";

/** What of the host its plugins are given besides hooks, through all reloads. */
export interface Surroundings {
  /** The log, with the plugins that hear it. */
  readonly listeners: LogListeners;
  /** Where what they fail with is told. */
  readonly failures: Failures;
  /** Whether messages are frozen before plugins get them, and taps that forget to return something are told of. */
  readonly freezes: boolean;
  readonly folder: string;
  /** Whether the host is there for one command. */
  readonly isBrief: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly status: PluginHost["operator"]["status"];
  /** Made after what is given here. */
  readonly operator: () => OperatorDoor;
  readonly renew: PluginHost["renew"];
  readonly catalog: PluginHost["catalog"];
  readonly permits: PluginHost["permits"];
  /** Those in memory. */
  readonly stores: Stores;
  readonly tracer: Tracer;
  /** Transports that code brings. */
  readonly transports: Readonly<Record<string, TransportFactory>>;
  /** Aborted when the host closes. */
  readonly signal: AbortSignal;
}
