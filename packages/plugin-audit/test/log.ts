import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "../dist/files.js";

/** A record as it stands in a log. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks into records of every type
export type Recorded = Record<string, any>;

/** The log of a folder, as `audit.jsonl` of it. */
export const logIn = ({ path }: { path: string }): string => join(path, "audit.jsonl");

/** Lines as they stand in all files of a log. */
export function rawLines(file: string): string[] {
  return filesOf(file).flatMap((each) => readFileSync(each, "utf8").split("\n").filter(Boolean));
}

/** All records of a log, whose lines are all whole. */
export function recordsOf(file: string): Recorded[] {
  return existsSync(file) ? rawLines(file).map((line) => JSON.parse(line)) : [];
}
