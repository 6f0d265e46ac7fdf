import { type ErrorType, HostError, type Sent } from "../errors.ts";
import type { LinkEvents } from "../wire/link.ts";
import { isObject, isRequest, type Message } from "../wire/message.ts";

/**
 * What is told when an upstream, or the way to it, is at fault.
 * @param what the upstream did
 * @param sent whether the request that fails reached it
 */
export function failure(upstream: string, type: ErrorType, what: string, sent: Sent = "no", cause?: unknown): HostError {
  return new HostError(type, `upstream "${upstream}" ${what}`, { upstream, sent, cause });
}

/** A server's refusal, with its HTTP status. */
export class HttpRefusal extends HostError {
  readonly answered: number;
  constructor(status: number, ...error: ConstructorParameters<typeof HostError>) {
    super(...error);
    this.answered = status;
  }
}

/** Tells whoever waits for an answer to a message that it could not be sent. @param what is the matter with the upstream */
export function unsent(
  upstream: string,
  message: Message,
  type: "upstream_down" | "overloaded",
  what: string,
  events: LinkEvents | undefined,
): void {
  if (isRequest(message)) events?.failed(message.id, failure(upstream, type, what));
}

/** Nothing can be sent now. A client is not told why: the reason may name commands and paths, so it stays in the log and in `status`. */
export function unavailable(upstream: string, what = "is not available", retryAfterMs?: number): HostError {
  return new HostError("upstream_down", `upstream "${upstream}" ${what}; nothing was sent (\`mcp-host status\` has the reason)`, {
    upstream,
    ...(retryAfterMs !== undefined && { retryAfterMs: Math.ceil(retryAfterMs) }),
  });
}

/**
 * What an upstream would have to ask the client, who did not declare that it can be asked so.
 * @param required capabilities, as a client would declare them
 * @param keepsRoots the client did declare roots, and the upstream is not told of them
 */
export function incapable(upstream: string, required: unknown, keepsRoots = false): HostError {
  const requiredCapabilities = isObject(required) ? required : {};
  if (keepsRoots && requiredCapabilities.roots !== undefined) return rootsKept(upstream);
  const names = Object.entries(requiredCapabilities).flatMap(([name, parts]) =>
    isObject(parts) && Object.keys(parts).length > 0 ? Object.keys(parts).map((part) => `${name}.${part}`) : [name],
  );
  const which = names.length > 0 ? names.join(", ").slice(0, 128) : "a capability that it does not name";
  const what = `has to ask the client for this, or to give it a task, which it did not declare that it takes: it needs ${which}`;
  return new HostError("capability_required", `upstream "${upstream}" ${what}`, { upstream, sent: "yes", facts: { requiredCapabilities } });
}

/** What an upstream would have to ask a client that declared its roots: the upstream is not told of them. */
export function rootsKept(upstream: string): HostError {
  const what = `needs the client's roots, which are kept from it; "relayRoots": true in the host's config relays those of network clients`;
  return new HostError("capability_required", `upstream "${upstream}" ${what}`, {
    upstream,
    sent: "yes",
    facts: { requiredCapabilities: { roots: {} } },
  });
}
