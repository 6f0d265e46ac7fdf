/** Why a vault cannot be used, in words that name the thing, the place and the remedy. Never has a secret in it. */
export class VaultProblem extends Error {
  /** `damaged`: the file is not what was written. `locked`: its key is not there, or is another. `busy`: another process has the lock. */
  readonly kind: "damaged" | "locked" | "busy" | "refused";

  constructor(kind: VaultProblem["kind"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "VaultProblem";
    this.kind = kind;
  }
}

/** What an error of the system or of a library says, on one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
