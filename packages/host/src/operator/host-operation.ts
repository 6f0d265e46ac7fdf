import type { OperatorControls } from "../host/options.ts";
import type { Operation } from "../plugin/operations.ts";
import type { Json } from "../wire/message.ts";
import type { ControlFacts, Invocation } from "./control-protocol.ts";

/** What a host does in its own program: default for one that is a part of another. */
export interface ServedControls extends OperatorControls {
  readonly facts: ControlFacts;
  readonly invocation: Invocation;
  /** Whether the host could run on what a file beside its config holds. @throws ConfigError with every reason why not */
  check(file: string): Promise<void>;
}

/** An operation of the host's own. */
export interface HostOperation extends Operation {
  readonly description: string;
  /** Only who has this user's socket may: what it gives may hold secrets. */
  readonly socketOnly?: true;
  /** What taps of `operated` are told of params, which need not fit. Default: all, without what the log would hide. */
  told?(params: Readonly<Json>): Json;
}
