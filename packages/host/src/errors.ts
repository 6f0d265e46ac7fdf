/** The `error` member of a JSON-RPC response. */
export interface RpcError {
  code: number;
  message: string;
  data?: unknown;
}

/** Whether the request reached the upstream: provably not, perhaps, or certainly. */
export type Sent = "no" | "unknown" | "yes";

interface ErrorKind {
  /** JSON-RPC code: the protocol's own, or outside its reserved range (-31xxx). */
  code: number;
  /** HTTP status when the request is rejected at the edge; absent where the error is only given in a JSON-RPC answer. */
  status?: number;
  /** Whether the same request may succeed later without a change. `safe`: only if repeating does no harm. */
  retryable: boolean | "safe";
  /** What it means and what to do, for docs/errors.md. */
  meaning: string;
}

/**
 * Every error that the host makes. `docs/errors.md` is generated from this table, and a test holds the two together.
 * Errors of an upstream pass through as they came and are not in it.
 */
export const ERRORS = {
  parse_error: { code: -32700, status: 400, retryable: false, meaning: "The body is not valid JSON or not valid UTF-8. Fix the client." },
  invalid_request: {
    code: -32600,
    status: 400,
    retryable: false,
    meaning:
      "The message is not a JSON-RPC 2.0 message as MCP allows it (envelope, id, batch, depth, duplicate id in flight). Fix the client.",
  },
  method_not_found: { code: -32601, retryable: false, meaning: "No upstream owns the method, or the capability was not declared." },
  invalid_params: {
    code: -32602,
    retryable: false,
    meaning: "Unknown tool, prompt or task, a bad cursor, or malformed params. List again and use a listed name.",
  },
  resource_not_found: { code: -32002, retryable: false, meaning: "No upstream owns the resource URI. List the resources again." },
  internal: { code: -32603, status: 500, retryable: false, meaning: "A bug in the host. The log has the details under the request id." },
  unauthorized: { code: -31401, status: 401, retryable: false, meaning: "The client is not authenticated. Send valid credentials." },
  insufficient_scope: {
    code: -31403,
    status: 403,
    retryable: false,
    meaning: "The credentials lack a scope. Authorize again with the scopes named in the challenge.",
  },
  forbidden: {
    code: -31403,
    status: 403,
    retryable: false,
    meaning: "A policy denies this visible entry with these arguments, or the Host or Origin header is not allowed.",
  },
  session_required: {
    code: -31400,
    status: 400,
    retryable: false,
    meaning: "The Mcp-Session-Id header is missing. Send `initialize` first.",
  },
  session_not_found: { code: -31404, status: 404, retryable: true, meaning: "The session is unknown or has expired. `initialize` again." },
  event_not_found: {
    code: -31404,
    status: 404,
    retryable: false,
    meaning:
      "The Last-Event-ID is unknown, or what came after it is not kept any more (`listen.resume`). The session goes on: open the stream without it.",
  },
  conflict: { code: -31409, status: 409, retryable: false, meaning: "What is to be changed is another than before. Look at it again." },
  operation_timeout: {
    code: -31505,
    status: 504,
    retryable: false,
    meaning: "An operator's operation did not finish in time, and may still do so. Look at what it changes before having it done again.",
  },
  method_not_allowed: { code: -31405, status: 405, retryable: false, meaning: "The HTTP method is not one of the endpoint's." },
  not_acceptable: {
    code: -31406,
    status: 406,
    retryable: false,
    meaning: "Accept leaves out application/json or text/event-stream. List both, or leave out the header.",
  },
  unsupported_media_type: { code: -31415, status: 415, retryable: false, meaning: "Content-Type must be application/json." },
  unsupported_version: {
    code: -31400,
    status: 400,
    retryable: false,
    meaning: "The MCP-Protocol-Version header names a version that the host does not speak.",
  },
  unsupported_protocol: {
    code: -32022,
    status: 400,
    retryable: false,
    meaning:
      "The request names a protocol version (2026-07-28 or later) that the host does not speak; `data.supported` has those that it does.",
  },
  header_mismatch: {
    code: -32020,
    status: 400,
    retryable: false,
    meaning:
      "A header of MCP 2026-07-28 (`MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`) is missing or says another thing than the body.",
  },
  state_invalid: {
    code: -32602,
    status: 200,
    retryable: false,
    meaning:
      "The `requestState` (MCP 2026-07-28) is not one that the host gave this client for this request, or is used up or too old. Send the request again without it.",
  },
  not_found: { code: -31404, status: 404, retryable: false, meaning: "There is nothing at this path." },
  payload_too_large: {
    code: -31413,
    status: 413,
    retryable: false,
    meaning: "The request, a name or URI in it, or the result is larger than the limit. Raise `limits` or ask for less.",
  },
  rate_limited: { code: -31429, status: 429, retryable: true, meaning: "Too many requests. Wait for retryAfterMs." },
  overloaded: {
    code: -31430,
    status: 503,
    retryable: true,
    meaning: "Too much is in flight, or too many sessions are open. Wait and try again.",
  },
  plugin_failure: {
    code: -31500,
    retryable: false,
    meaning: "The named plugin failed. The log has the details: the first time in full, then once a minute how often it came again.",
  },
  upstream_protocol: { code: -31502, retryable: false, meaning: "The upstream broke the protocol." },
  upstream_down: {
    code: -31503,
    retryable: true,
    meaning: "The upstream is not running or cannot be reached; nothing was sent. `mcp-host status` has the reason.",
  },
  circuit_open: {
    code: -31504,
    retryable: true,
    meaning: "The upstream failed too often and is left alone for a while; nothing was sent.",
  },
  upstream_timeout: {
    code: -31505,
    retryable: "safe",
    meaning: "The upstream did not answer in time. The call may or may not have run; check before repeating.",
  },
  upstream_lost: {
    code: -31506,
    retryable: "safe",
    meaning: "The connection was lost before the answer. The call may or may not have run; check before repeating.",
  },
  upstream_error: { code: -31507, retryable: "safe", meaning: "The upstream answered with an HTTP error." },
  upstream_auth: { code: -31508, retryable: false, meaning: "The upstream refused the host's credentials. Fix them in the config." },
  sign_in_required: { code: -31510, retryable: false, meaning: "Somebody has to sign in to the upstream. The message says who, and how." },
  shutting_down: { code: -31509, status: 503, retryable: "safe", meaning: "The host is stopping." },
  unattributable: {
    code: -31511,
    retryable: false,
    meaning: 'Said to an upstream: its request cannot be tied to one client on a shared connection. Set `isolation: "session"` for it.',
  },
  capability_required: {
    code: -31421,
    retryable: false,
    meaning:
      "A capability that the client did not declare is needed for this (MCP 2026-07-28: -32021); the message names it. Of tools it is a result with `isError` before.",
  },
  client_gone: {
    code: -31512,
    retryable: false,
    meaning: "Said to an upstream: the client that it asked is gone or did not answer in time.",
  },
  cancelled: {
    code: -31499,
    retryable: false,
    meaning: "The client cancelled the request (seen by plugins and logs; a cancelled request gets no answer).",
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorType = keyof typeof ERRORS;

export interface ErrorDetail {
  /** Default `"no"`. */
  sent?: Sent;
  upstream?: string;
  plugin?: string;
  /** Which of the plugin's rules it was: for `decisions` and `refused`. The client is not told. */
  rule?: string;
  retryAfterMs?: number;
  /** HTTP headers of an edge rejection, such as `WWW-Authenticate`. */
  headers?: Record<string, string>;
  /** What else `data` tells, beside the host's own fields. */
  facts?: Readonly<Record<string, unknown>> | undefined;
  cause?: unknown;
}

/**
 * An error that the host answers with. Its message reaches the client, so it names the thing, the reason and the remedy
 * and holds no stack, secret, path or upstream body; those go to the log, as `cause`.
 */
export class HostError extends Error {
  readonly type: ErrorType;
  readonly sent: Sent;
  readonly upstream: string | undefined;
  readonly plugin: string | undefined;
  readonly rule: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly headers: Record<string, string> | undefined;
  readonly #facts: ErrorDetail["facts"];

  /** @throws TypeError for a type that the table does not have, which code without types may give */
  constructor(type: ErrorType, message: string, detail: ErrorDetail = {}) {
    if (!Object.hasOwn(ERRORS, type))
      throw new TypeError(
        `there is no error type ${JSON.stringify(type)}; docs/errors.md has those that there are: ${Object.keys(ERRORS).join(", ")}`,
      );
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "HostError";
    this.type = type;
    this.sent = detail.sent ?? "no";
    this.upstream = detail.upstream;
    this.plugin = detail.plugin;
    this.rule = detail.rule;
    this.retryAfterMs = detail.retryAfterMs;
    this.headers = detail.headers;
    this.#facts = detail.facts;
  }

  get code(): number {
    return ERRORS[this.type].code;
  }
  /** The HTTP status of an edge rejection with this error. */
  get status(): number {
    return (ERRORS[this.type] as ErrorKind).status ?? 500; // not all have one
  }

  /** The JSON-RPC error that a client gets. */
  toRpc(requestId: string): RpcError {
    const { retryable } = ERRORS[this.type];
    return {
      code: this.code,
      message: this.message,
      data: {
        ...this.#facts,
        origin: ERROR_ORIGIN,
        type: this.type,
        ...(this.upstream !== undefined && { upstream: this.upstream }),
        ...(this.plugin !== undefined && { plugin: this.plugin }),
        requestId,
        sent: this.sent,
        retryable: retryable === "safe" ? this.sent === "no" : retryable,
        ...(this.retryAfterMs !== undefined && { retryAfterMs: this.retryAfterMs }),
      },
    };
  }
}

/** `data.origin` of every error that the host made. */
export const ERROR_ORIGIN = "mcp-host";

const REFUSAL = Symbol.for("mcp-host.refusal");

/**
 * A plugin's deliberate no: `throw refuse("rate_limited", "too many searches", { retryAfterMs: 1000 })`. Its words reach
 * the client; any other throw becomes a `plugin_failure` that names the plugin and nothing else.
 * @param type one of the table's types
 */
export function refuse(type: ErrorType, message: string, detail: Omit<ErrorDetail, "plugin"> = {}): HostError {
  return Object.assign(new HostError(type, message, detail), { [REFUSAL]: true });
}

/** Whether a value is what {@link refuse} made, in this copy of the package or another. */
export function isRefusal(error: unknown): error is HostError {
  return error instanceof Error && REFUSAL in error; // what somebody made a copy of is none
}

/** A mistake of the operator's in config, options or command line: told at once, with the remedy, and never with a stack. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** A config file that cannot be used: every problem of it, and which file it is. */
export class ConfigFileError extends ConfigError {
  readonly path: string | undefined;
  constructor(problems: readonly string[], path: string | undefined) {
    super(problems);
    this.name = "ConfigFileError";
    this.path = path;
  }
}
