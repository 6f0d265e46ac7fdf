import { lstatSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { stateFolder } from "../../config/backup.ts";
import { credentialsPath } from "../../config/variables.ts";
import { controlFolder } from "../../operator/control-socket.ts";
import { inventoryOf } from "../backup/inventory.ts";

/** A file that the host keeps, never what is in it. */
interface KeptFile {
  readonly path: string;
  readonly what?: string;
  /** What is wrong with it, or its facts. */
  readonly problem?: string;
  readonly kind?: "file" | "folder" | "link" | "other";
  readonly bytes?: number;
  /** Octal. */
  readonly mode?: string;
  readonly changed?: string;
}

/** A folder may hold whatever somebody has put there. */
const MOST = 500;
const DEPTH = 4;

/** What the host keeps, for its config and for itself. */
export async function keptFiles(config: string | undefined, rawArgs: readonly string[]): Promise<object> {
  const inventory = await inventoryOf(config, rawArgs).catch((error: unknown) => error as Error); // it throws Errors
  const own = inventory instanceof Error ? [] : inventory.kept.map(({ what, path }) => factsOf(path, what));
  const folders = [stateFolder(), dirname(credentialsPath()), controlFolder()].filter((folder) => folder !== undefined);
  const files = folders.flatMap((folder) => [factsOf(folder), ...below(folder, 1)]);
  return {
    ...(inventory instanceof Error && { failed: inventory.message }),
    config: own,
    host: files.slice(0, MOST),
    ...(files.length > MOST && { leftOut: files.length - MOST }),
  };
}

function below(folder: string, depth: number): KeptFile[] {
  if (depth > DEPTH) return [];
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return []; // its own line says what is wrong
  }
  return names.slice(0, MOST).flatMap((name) => {
    const facts = factsOf(join(folder, name));
    return facts.kind === "folder" ? [facts, ...below(facts.path, depth + 1)] : [facts];
  });
}

function factsOf(path: string, what?: string): KeptFile {
  const named = { path, ...(what !== undefined && { what }) };
  try {
    const stat = lstatSync(path);
    const kind = stat.isFile() ? "file" : stat.isDirectory() ? "folder" : stat.isSymbolicLink() ? "link" : "other";
    return { ...named, kind, bytes: stat.size, mode: (stat.mode & 0o7777).toString(8).padStart(4, "0"), changed: stat.mtime.toISOString() };
  } catch (error) {
    return { ...named, problem: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}
