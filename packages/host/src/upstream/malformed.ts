import { HostError } from "../errors.ts";
import type { LinkEvents } from "../wire/link.ts";
import type { ParseError } from "../wire/parse.ts";

/** Tells of something that is no message, on a wire where only its id can say whose answer it should have been. */
export function reportMalformed(upstream: string, error: ParseError, events: LinkEvents | undefined): void {
  const { id, message: reason } = error;
  if (id !== null) {
    const words = `upstream "${upstream}" sent a malformed answer: ${reason}`;
    events?.failed(id, new HostError("upstream_protocol", words, { upstream, sent: "yes" }));
  }
  events?.garbage(reason);
}
