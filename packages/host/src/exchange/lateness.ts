import { HostError } from "../errors.ts";
import type { Exchange } from "./exchange.ts";

/** What is known of an exchange whose time is up. */
interface Late extends Pick<Exchange, "at" | "sent" | "route"> {
  /** How many calls the upstream is given at once, where this one waited for its turn. */
  readonly queuedFor: number | undefined;
}

/** What is wrong with an exchange whose time is up: who was at work, and what that means for the call. @param limit the milliseconds that are over */
export function lateness({ at, sent, route, queuedFor }: Late, limit: number): HostError {
  if (at) {
    const reason = `plugin "${at.plugin}" did not finish in ${at.hook} within ${limit} ms`;
    return new HostError("plugin_failure", reason, { plugin: at.plugin, sent });
  }
  if (queuedFor !== undefined && route) {
    const reason = `upstream "${route.upstream}" has as many calls in flight as its "concurrency" allows (${queuedFor}), and the turn of this one did not come within ${limit} ms; nothing was sent`;
    return new HostError("overloaded", reason, { upstream: route.upstream, sent });
  }
  const ran = sent === "no" ? "nothing was sent" : "the call may or may not have run";
  return new HostError("upstream_timeout", `upstream "${route?.upstream}" did not answer within ${limit} ms; ${ran}`, {
    ...(route && { upstream: route.upstream }),
    sent,
  });
}

/** Why an exchange that does not run yet, or no more, can neither call nor ask. */
export function notRunning(): HostError {
  return new HostError("plugin_failure", "exchange.call and exchange.ask are for exchanges that run, from `route` to `respond`");
}
