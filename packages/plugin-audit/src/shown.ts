import type { Line } from "./tail.ts";

/** The columns of CSV. */
export const FIELDS: readonly string[] = [
  ...[
    "n",
    "at",
    "type",
    "who",
    "roles",
    "from",
    "client",
    "session",
    "endpoint",
    "method",
    "name",
    "upstream",
    "native",
    "outcome",
    "error",
    "by",
  ],
  ...["ms", "upstreamMs", "sent", "attempts", "bytesIn", "bytesOut", "status", "id", "operation", "params", "arguments", "result"],
];

/** A row of CSV (RFC 4180). What a spreadsheet would take for a formula has an apostrophe before it. */
export function csvRow(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(value: unknown): string {
  const text = value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Columns of a table, and the widest cell. */
const HEADER = ["TIME", "WHO", "FROM", "WHAT", "OUTCOME", "MS", "WHY"];
const WIDEST = 60;

export function tableOf(lines: readonly Line[]): string {
  const rows = [HEADER, ...lines.map(rowOf)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  return rows
    .map(
      (cells) =>
        `${cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function rowOf(line: Line): string[] {
  const { at, who, from, outcome, ms } = line;
  const cells = [at, who ?? "-", from ?? "-", whatOf(line), outcome ?? line.type, ms ?? "-"].map((cell) => fitting(String(cell)));
  return [...cells, plain(whyOf(line))];
}

function whatOf({ type, method, name, operation, path, event }: Line): string {
  if (type === "refused") return `${method ?? ""} ${path ?? name ?? ""}`;
  if (type === "session") return `session ${event}`;
  const what = method ?? operation ?? type;
  return name === undefined ? String(what) : `${what} ${name}`;
}

/** Which plugin and rule decided, and what was said. */
function whyOf(line: Line): string {
  const { by, error, reason, type } = line;
  if (type === "gap") return `${line.lost} lost, ${line.refused} calls refused: ${reason}`;
  if (type === "started") return `after ${line.after}${line.missing ? ", and its end was removed" : ""}`;
  const decided = (Array.isArray(by) ? (by as Record<string, unknown>[]) : []).map(({ plugin, hook, did, rule }) =>
    `${plugin} ${did === "routed" || did === "answered" ? did : ""}(${hook}${rule === undefined ? "" : `, ${rule}`})`.replace(" (", " ("),
  );
  const { type: kind, code, message } = (error ?? {}) as Record<string, unknown>; // a record's
  const said = error === undefined ? reason : [kind ?? code, message].filter((each) => each !== undefined).join(": ");
  return [decided.join(", "), said].filter((each) => each !== undefined && each !== "").join(": ");
}

function fitting(text: string): string {
  const clean = plain(text);
  return clean.length > WIDEST ? `${clean.slice(0, WIDEST - 3)}...` : clean;
}

/** Without what moves a terminal's cursor or hides what is there: names are chosen by clients. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");
}
