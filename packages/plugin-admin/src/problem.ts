import { ERRORS, type ErrorType } from "mcp-host";

/** An answer that says why something was not done (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;

  /** @param type one of the host's error types, or `operation_failed` */
  constructor(status: number, type: string, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.type = type;
    this.headers = headers;
  }
}

/** Statuses of the host's errors that have none at the MCP endpoint. */
const STATUS: Readonly<Record<string, number>> = {
  invalid_params: 400,
  upstream_down: 502,
  upstream_error: 502,
  upstream_protocol: 502,
  upstream_auth: 502,
  upstream_lost: 502,
  upstream_timeout: 504,
  circuit_open: 503,
  sign_in_required: 502,
};

/** The status of an error of the host's; undefined for any other error, and for one that is no refusal over HTTP. */
function statusOf(type: unknown): number | undefined {
  if (typeof type !== "string" || !Object.hasOwn(ERRORS, type)) return undefined;
  const facts = ERRORS[type as ErrorType]; // one of its keys
  const status = "status" in facts ? facts.status : 0;
  return STATUS[type] ?? (status >= 400 ? status : undefined);
}

const TITLES: Readonly<Record<number, string>> = {
  400: "The request is not as it must be",
  401: "Not authenticated",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  408: "Too slow",
  409: "Conflict",
  413: "Too large",
  415: "Unsupported media type",
  422: "Not done",
  429: "Too many requests",
  500: "Failed",
  502: "A server failed",
  503: "Not now",
  504: "A server did not answer",
};

/** What an operation failed with, as an answer. Its words are for operators, and the host has taken secrets out of what it says itself. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { type, message } = (typeof error === "object" && error !== null ? error : {}) as { type?: unknown; message?: unknown };
  const detail = typeof message === "string" ? message : "it failed and did not say why";
  const status = statusOf(type);
  if (status === undefined) return new Problem(422, "operation_failed", detail);
  return new Problem(status, String(type), detail, status === 503 ? { "retry-after": "1" } : {});
}

/** What every answer has, wherever it comes from. */
export const SAFE: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
};

export function answerOf(problem: Problem, clean: (text: string) => string): Response {
  const { status, type } = problem;
  const body = { type: `urn:mcp-host:error:${type}`, title: TITLES[status] ?? "Failed", status, detail: clean(problem.message) };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...SAFE, ...problem.headers, "content-type": "application/problem+json" },
  });
}
