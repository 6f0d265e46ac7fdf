import { type ErrorType, type HostError, isRefusal } from "mcp-host";

/** What of the transport fails when the upstream does. */
const FAILURES: ReadonlySet<ErrorType> = new Set(["upstream_lost", "upstream_down", "upstream_timeout", "upstream_protocol"]);

/** An error of the host's own, by whichever copy of the package made it; not a plugin's deliberate no. */
export function hostError(error: unknown): HostError | undefined {
  return error instanceof Error && error.name === "HostError" && !isRefusal(error) ? (error as HostError) : undefined; // its name says so
}

/** Whether the host itself leaves the upstream alone between two tries to connect: nothing was tried. */
function isPause({ type, retryAfterMs }: HostError): boolean {
  return type === "upstream_down" && retryAfterMs !== undefined;
}

/**
 * Whether an error says that the upstream is not well. The host's own pause between two tries to connect, JSON-RPC errors, too
 * many requests (429), refused credentials, what a client cancelled and what another plugin refused do not. Of HTTP errors those
 * do that are not about the request itself.
 */
export function isFailure(error: unknown): boolean {
  const failed = hostError(error);
  if (!failed || isPause(failed)) return false;
  return FAILURES.has(failed.type) || (failed.type === "upstream_error" && failed.sent !== "no");
}

/** Whether an error is the upstream's own answer: then it is alive. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Error && error.name === "PeerError";
}

/** Whether no result can be had from the upstream for now. */
export function isUnavailable(error: unknown): error is HostError {
  if (isRefusal(error)) return error.type === "circuit_open";
  const failed = hostError(error);
  return failed !== undefined && (isFailure(failed) || isPause(failed) || failed.type === "rate_limited");
}
