import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import type { Wanted } from "./question.ts";
import { type Line, parsedLine } from "./tail.ts";

/** Milliseconds that a lock of a host may last. */
const TIMEOUT = 10_000;

/** What an SQLite file has of a log. */
export interface Indexed {
  /** The latest lines that fit, in their order. */
  readonly lines: readonly Line[];
  /** The last line that the file has; later ones are in the log alone. */
  readonly last: number;
}

/** @param limit so many of the latest; 0: all @returns undefined where there is no such file yet @throws Error where it cannot be read */
export function indexed(folder: string, file: string, wanted: Wanted, limit: number): Indexed | undefined {
  const path = resolve(folder, file);
  if (!existsSync(path)) return undefined;
  const database = new DatabaseSync(path, { timeout: TIMEOUT, readOnly: true });
  try {
    const { last } = database.prepare("select coalesce(max(n), 0) as last from lines").get() as { last: number }; // its one column
    const types = [...wanted.types];
    const select = database.prepare(
      `select line from lines where at >= ? and at < ? and type in (${types.map(() => "?").join(", ")}) order by n desc`,
    );
    const lines: Line[] = [];
    for (const { line } of select.iterate(timeText(wanted.since), timeText(wanted.until), ...types) as Iterable<{ line: string }>) {
      const parsed = parsedLine(line);
      if (!parsed || !wanted.fits(parsed)) continue;
      lines.push(parsed);
      if (lines.length === limit) break;
    }
    return { lines: lines.reverse(), last };
  } catch (error) {
    throw new Error(
      `${path} cannot be read (${error instanceof Error ? error.message : String(error)}); without it in the config the log's files are`,
    );
  } finally {
    database.close();
  }
}

/** Times are texts in the order of time. */
function timeText(ms: number): string {
  if (ms === Number.NEGATIVE_INFINITY) return "";
  return ms === Number.POSITIVE_INFINITY ? "~" : new Date(ms).toISOString();
}
