/** Why there is no verdict. */
export type FailureReason = "timeout" | "unreachable" | "status" | "request_too_large" | "answer_too_large" | "malformed" | "circuit_open";

/** A hook gave no verdict that can be used. Its message holds nothing that the hook wrote. */
export class HookFailure extends Error {
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/** A verdict that is none. Nothing of it is applied. */
export function malformed(message: string): HookFailure {
  return new HookFailure("malformed", `its verdict ${message}`);
}
