import { hanging } from "./wrap.ts";

/** Columns that a wrapped cell needs; with fewer it has lines of its own. */
const ROOM = 24;
const INDENT = 4;

/**
 * Rows as aligned columns, two spaces apart; nothing follows the last column.
 * @param width columns that there are: the last cell of a longer row is broken at its blanks; default: rows are as long as they are
 */
export function table(rows: readonly (readonly string[])[], width?: number): string {
  return tableRows(rows, width).join("\n");
}

/** The same, a text for each row. */
export function tableRows(rows: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + 2, 0);
  return rows.map((row) => {
    const cells = row.map((cell, index) => cell.padEnd(widths[index] ?? 0));
    const line = cells.join("  ").trimEnd();
    if (line.length <= width || row.length < widths.length) return line;
    const last = row.at(-1) ?? "";
    if (width - before >= ROOM) return `${cells.slice(0, -1).join("  ")}  ${hanging(last, before, width)}`;
    return `${cells.slice(0, -1).join("  ").trimEnd()}\n${" ".repeat(INDENT)}${hanging(last, INDENT, width)}`;
  });
}
