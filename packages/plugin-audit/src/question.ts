import { duration, matcher } from "mcp-host";
import type { Log } from "./commands/context.ts";
import { fileArg } from "./commands/context.ts";
import { filesAfter } from "./files.ts";
import { linesOf } from "./lines.ts";
import type { Line } from "./tail.ts";

/** The flags that say which records are meant. */
export const questionArgs = {
  ...fileArg,
  who: { type: "string", valueHint: "glob", description: "Whose: a glob of principals' ids, such as key:alice or key:*" },
  tool: { type: "string", valueHint: "glob", description: "A glob of names and URIs, or of <upstream>:<native name>" },
  method: { type: "string", valueHint: "glob", description: "A glob of methods and operations, such as tools/call" },
  outcome: { type: "string", valueHint: "a,b", description: "ok, tool_error, refused, error, cancelled; several with commas" },
  type: {
    type: "string",
    valueHint: "a,b",
    description:
      "request, question, refused, operated, session, gap, started, stopped, begun, removed, head; default: all but begun, session and head",
  },
  since: { type: "string", valueHint: "when", description: "From then on: 24h, today, yesterday, 2026-11-29 or 2026-11-29T08:00:00Z" },
  until: { type: "string", valueHint: "when", description: "Up to then, likewise; a day without a time is not part of it" },
} as const;

/** Their values as citty gives them. */
export interface Question {
  readonly file?: string;
  readonly who?: string;
  readonly tool?: string;
  readonly method?: string;
  readonly outcome?: string;
  readonly type?: string;
  readonly since?: string;
  readonly until?: string;
}

const OUTCOMES = ["ok", "tool_error", "refused", "error", "cancelled"];
const TYPES = ["request", "question", "refused", "operated", "session", "gap", "started", "stopped", "begun", "removed", "head"];
const HIDDEN = ["begun", "session", "head"];

/** What is looked for. */
export interface Wanted {
  /** In milliseconds since 1970. */
  readonly since: number;
  readonly until: number;
  readonly types: ReadonlySet<string>;
  fits(line: Line): boolean;
}

/** @param now milliseconds since 1970 @throws Error for a flag with a value that it does not have */
export function question({ who, tool, method, outcome, type, since, until }: Question, now: number): Wanted {
  const outcomes = listed("outcome", outcome, OUTCOMES);
  const types = listed("type", type, TYPES) ?? new Set(TYPES.filter((each) => !HIDDEN.includes(each)));
  const tests = [
    who === undefined ? undefined : globbed("who", who),
    method === undefined ? undefined : ({ method: name, operation }: Line) => globOf(method)(text(name ?? operation)),
    tool === undefined ? undefined : named(tool),
    outcomes && ((line: Line) => outcomes.has(text(line.outcome))),
  ].filter((test) => test !== undefined);
  const from = since === undefined ? Number.NEGATIVE_INFINITY : timeOf("since", since, now);
  const to = until === undefined ? Number.POSITIVE_INFINITY : timeOf("until", until, now);
  return {
    since: from,
    until: to,
    types,
    fits(line) {
      if (!types.has(line.type) || !tests.every((test) => test(line))) return false;
      const at = Date.parse(line.at);
      return at >= from && at < to;
    },
  };
}

/** The lines that fit, in their order. @param limit so many of the latest; 0: all */
export async function found({ files, folder, options, isOwn }: Log, wanted: Wanted, limit: number): Promise<readonly Line[]> {
  const { sqlite } = options;
  const index = sqlite !== undefined && isOwn ? (await import("./indexed.ts")).indexed(folder, sqlite, wanted, limit) : undefined;
  let lines: Line[] = [...(index?.lines ?? [])];
  const after = index?.last ?? 0;
  // What is put aside is in the index, as far as it begins before its last line.
  for (const { line } of linesOf(index ? filesAfter(files, after) : files)) {
    if (!line || line.n <= after || !wanted.fits(line)) continue;
    lines.push(line);
    if (limit > 0 && lines.length >= 2 * limit) lines = lines.slice(-limit);
  }
  return limit > 0 ? lines.slice(-limit) : lines;
}

function listed(flag: string, value: string | undefined, known: readonly string[]): ReadonlySet<string> | undefined {
  if (value === undefined) return undefined;
  const all = value.split(",").map((each) => each.trim());
  const wrong = all.find((each) => !known.includes(each));
  if (wrong !== undefined) throw new Error(`--${flag}: "${wrong}" is none of ${known.join(", ")}`);
  return new Set(all);
}

const globs = new Map<string, (name: string) => boolean>();

/** A test of one text: what looks like `upstream:native` is a glob of texts here, too. */
function globOf(pattern: string): (name: string) => boolean {
  let test = globs.get(pattern);
  if (!test) {
    // A principal's id has a colon, which the host's matcher would take for that after an upstream.
    const colon = pattern.indexOf(":");
    const parts = matcher([pattern]);
    test = colon === -1 ? (name) => parts({ name, upstream: "", native: "" }) : (name) => splitFits(parts, name);
    globs.set(pattern, test);
  }
  return test;
}

function splitFits(parts: ReturnType<typeof matcher>, name: string): boolean {
  for (let colon = name.indexOf(":"); colon !== -1; colon = name.indexOf(":", colon + 1))
    if (parts({ name, upstream: name.slice(0, colon), native: name.slice(colon + 1) })) return true;
  return parts({ name, upstream: "", native: name });
}

function globbed(field: string, pattern: string): (line: Line) => boolean {
  const fits = globOf(pattern);
  return (line) => fits(text(line[field]));
}

function named(pattern: string): (line: Line) => boolean {
  const fits = matcher([pattern]);
  return ({ name, native, upstream }) => typeof name === "string" && fits({ name, upstream: text(upstream), native: text(native ?? name) });
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** A moment, in milliseconds since 1970. Days are those of this machine. @throws Error for another form */
function timeOf(flag: string, given: string, now: number): number {
  const today = new Date(now).setHours(0, 0, 0, 0);
  if (given === "today") return today;
  if (given === "yesterday") return new Date(today).setDate(new Date(today).getDate() - 1);
  const ago = duration.safeParse(given);
  if (ago.success) return now - ago.data;
  if (/^\d{4}-\d\d-\d\d$/.test(given)) return new Date(`${given}T00:00:00`).getTime();
  const moment = /^\d{4}-\d\d-\d\dT/.test(given) ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(moment)) throw new Error(`--${flag}: "${given}" is none of 24h, today, yesterday, 2026-11-29, 2026-11-29T08:00:00Z`);
  return moment;
}
