/** Result codes of SQLite, without what extends them. */
const CODES = { busy: 5, readOnly: 8, io: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 } as const;

export type Code = keyof typeof CODES;

/** Whether SQLite refused for this reason. */
export function is(error: unknown, code: Code): boolean {
  const given = (error as { errcode?: unknown } | null)?.errcode; // as the binding's errors have it
  return typeof given === "number" && (given & 0xff) === CODES[code];
}

/** What went wrong with the file, and what helps. */
export function explained(error: unknown, file: string, { timeout, maxSize }: { timeout?: number; maxSize?: number } = {}): string {
  const at = `the store file ${file}`;
  const said = error instanceof Error ? error.message : String(error);
  if (is(error, "busy")) return `${at} was locked by another process for longer than ${timeout ?? 0} ms; try again, or raise "timeout"`;
  if (is(error, "full"))
    return `${at} is full (${maxSize ?? "?"} bytes, or the disk is), and nothing in it has a time to live that could make room; raise "maxSize" or delete values`;
  if (is(error, "corrupt")) return `${at} is damaged (${said}); put a copy in its place, or remove it to begin anew`;
  if (is(error, "notADatabase")) return `${at} is no SQLite database; name another file, or remove it`;
  if (is(error, "readOnly")) return `${at} cannot be written; give this user the right to write it and its folder`;
  if (is(error, "cannotOpen")) return `${at} cannot be opened; does its folder exist, and may this user read and write both?`;
  if (is(error, "io")) return `${at} cannot be read or written (${said}); see to the disk`;
  return `${at}: ${said}`;
}
