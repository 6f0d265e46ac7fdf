import type { Window } from "./options.ts";

/** What of one policy is told to a client. */
export interface Standing {
  /** A rule's name, which a structured field can hold as it is. */
  readonly name: string;
  readonly limit: number;
  readonly window: Window;
  readonly remaining: number;
  /** Milliseconds until the window is over. */
  readonly left: number;
  /** Whether bytes are counted; else requests are. */
  readonly isBytes: boolean;
}

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` has what is let through, `RateLimit` what is left. A day or a
 * month of the calendar has no length that always holds, so its policy has none.
 */
export function headersOf(standings: readonly Standing[]): Record<string, string> {
  let policies = "";
  let limits = "";
  for (const { name, limit, window, remaining, left, isBytes } of standings) {
    const comma = policies === "" ? "" : ", ";
    const unit = isBytes ? ';qu="content-bytes"' : "";
    const length = typeof window === "number" ? `;w=${Math.ceil(window / 1_000)}` : "";
    policies += `${comma}"${name}";q=${limit}${unit}${length}`;
    limits += `${comma}"${name}";r=${remaining};t=${Math.max(0, Math.ceil(left / 1_000))}`;
  }
  return { "ratelimit-policy": policies, ratelimit: limits };
}
