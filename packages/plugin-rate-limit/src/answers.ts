import type { Window } from "./options.ts";

/** What one rule lets through, as a header tells it. */
export interface Policy {
  /** The rule's name, which a structured field can hold as it is. */
  readonly name: string;
  readonly text: string;
}

/** What of a policy a client has left. */
export interface Standing {
  readonly policy: Policy;
  readonly remaining: number;
  /** Milliseconds until the window is over. */
  readonly left: number;
}

/** A day or a month of the calendar has no length that always holds, so its policy has none. */
export function policyOf(name: string, limit: number, window: Window | undefined, isBytes: boolean): Policy {
  const length = typeof window === "number" ? `;w=${Math.ceil(window / 1_000)}` : "";
  return { name, text: `"${name}";q=${limit}${isBytes ? ';qu="content-bytes"' : ""}${length}` };
}

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` has what is let through, `RateLimit` what is left.
 * @param standings at least one
 */
export function headersOf(standings: readonly Standing[]): Record<string, string> {
  let policies = "";
  let limits = "";
  for (const { policy, remaining, left } of standings) {
    const comma = policies === "" ? "" : ", ";
    policies += comma + policy.text;
    limits += `${comma}"${policy.name}";r=${remaining};t=${Math.max(0, Math.ceil(left / 1_000))}`;
  }
  return { "ratelimit-policy": policies, ratelimit: limits };
}
