import { ERRORS, type Outcome } from "mcp-host";

/** What the OpenTelemetry conventions call an error without a better name. */
const OTHER_ERROR = "_OTHER";
/** Codes of upstreams' own errors that are told apart. */
const MAX_CODES = 20;

/** How an exchange ended, as `error.type` and `rpc.response.status_code`; both empty where it ended well. */
export interface Ending {
  readonly type: string;
  readonly code: string;
}

const WELL: Ending = { type: "", code: "" };
const TOOL_ERROR: Ending = { type: "tool_error", code: "" };
const CANCELLED: Ending = { type: "cancelled", code: "" };
const OTHER: Ending = { type: OTHER_ERROR, code: OTHER_ERROR };
const OWN = new Map<unknown, Ending>(Object.entries(ERRORS).map(([type, { code }]) => [type, { type, code: String(code) }]));

/**
 * Names outcomes: `tool_error` and the code of an upstream's error as the conventions have it; errors of the host by
 * their type, since several share a code. A set of its own for each instance, because upstreams choose their codes.
 */
export class Endings {
  readonly #codes = new Map<number, Ending>();

  of(outcome: Outcome): Ending {
    if ("result" in outcome) return outcome.result.isError === true ? TOOL_ERROR : WELL;
    if ("cancelled" in outcome) return CANCELLED;
    const { data, code } = outcome.error;
    // The host takes its mark off upstreams' errors, so this one is its own.
    if (typeof data === "object" && data !== null && "origin" in data && data.origin === "mcp-host" && "type" in data)
      return OWN.get(data.type) ?? OTHER;
    let ending = this.#codes.get(code);
    if (!ending) {
      if (this.#codes.size >= MAX_CODES || !Number.isSafeInteger(code)) return OTHER;
      this.#codes.set(code, (ending = { type: String(code), code: String(code) }));
    }
    return ending;
  }
}
