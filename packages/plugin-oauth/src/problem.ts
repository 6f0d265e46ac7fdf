/** Why somebody cannot be signed in. */
export type ProblemKind =
  | "unreachable"
  | "insecure"
  | "no-metadata"
  | "resource-mismatch"
  | "issuer-mismatch"
  | "issuer-changed"
  | "pkce-unsupported"
  | "needs-client"
  | "registration-refused"
  | "refused"
  | "expired"
  | "callback"
  | "invalid-answer";

/** A sign-in or a refresh that failed. Its words are the plugin's own and hold nothing that a server wrote but error codes. */
export class SignInProblem extends Error {
  readonly kind: ProblemKind;
  /** OAuth's code for it, where a server gave one. */
  readonly code: string | undefined;
  /** Milliseconds that the server asks to be left alone. */
  readonly retryAfter: number | undefined;

  constructor(
    kind: ProblemKind,
    message: string,
    { code, retryAfter, cause }: { code?: string | undefined; retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = "SignInProblem";
    this.kind = kind;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether it may pass by itself. */
  get isPassing(): boolean {
    return this.kind === "unreachable";
  }
}

export function problemOf(error: unknown): SignInProblem {
  if (error instanceof SignInProblem) return error;
  return new SignInProblem("invalid-answer", "an authorization server answered what the host does not understand", { cause: error });
}
