import type { Principal } from "../exchange/caller.ts";
import { defineService } from "./plugin.ts";

/** The token that somebody came with, as whoever checked it knows it. */
export interface CallerToken {
  /** A secret: never passed on as it is, but to who made it, for another one. */
  readonly value: string;
  /** Who made it, as it says itself. */
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** The tokens that callers came with, for the few plugins that need them. */
export interface CallerTokens {
  /** Has them kept from now on, in memory; until somebody does, none is. @returns ends it */
  keep(): () => void;
  /** What a principal with this id and binding came with last; undefined for one that came with another kind of credentials, or whose token has expired. */
  of(principal: Pick<Principal, "id" | "binding">): CallerToken | undefined;
}

/**
 * The tokens of callers: `host.use(CALLER_TOKENS)`, from `ready` on. Provided by the plugin that checks them in `authenticate`; they are in
 * no principal, exchange or header that others see.
 */
export const CALLER_TOKENS = defineService<CallerTokens>("caller-tokens");
