import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { backUp } from "../../config/backup.ts";
import { isPlainObject } from "../../config/plain.ts";
import { readConfigFile } from "../../config/read.ts";
import { replaceFile } from "../../config/replace.ts";
import { configSchema } from "../../config/schema.ts";
import { isCode } from "../../config/trust.ts";
import { ConfigError } from "../../errors.ts";
import { difference } from "../terminal/config-diff.ts";
import { type Migration, migrate, migratedText } from "./migrate.ts";
import { STEPS } from "./steps.ts";

export interface Migrated {
  readonly migration: Migration;
  /** The changes of the file without secrets; "" where there are none. */
  readonly diff: string;
  /** Where the text before is kept. */
  readonly backup: string | undefined;
  readonly written: boolean;
}

/**
 * Writes a config in the form of today, if its own is an older one.
 * @param dry only tells what would be written
 * @throws ConfigError for a file that cannot be read; Error with what is to be changed by hand in one that is code
 */
export async function migrateFile(path: string, dry: boolean): Promise<Migrated> {
  const { value } = await readConfigFile(path, process.env);
  const migration = migrate(value, versionOf(value), dirname(path), STEPS);
  if (migration.steps.length === 0) return { migration, diff: "", backup: undefined, written: false };
  if (isCode(path)) {
    const lines = migration.steps.flatMap(({ changes }) => changes.map(({ told }) => `  ${told}`));
    throw new Error([`a config in code is for you alone to change: ${path}`, ...lines].join("\n"));
  }
  const before = readFileSync(path, "utf8");
  const after = await migratedText(path, before, migration);
  const diff = await difference(path, { before, after, is: `version ${migration.to}` });
  if (dry) return { migration, diff, backup: undefined, written: false };
  const backup = await backUp(path);
  replaceFile(path, after);
  return { migration, diff, backup, written: true };
}

/** @throws ConfigError for one that no form has */
function versionOf(config: unknown): number {
  const { data = 1, error } = configSchema.shape.version.safeParse(isPlainObject(config) ? config.version : undefined);
  if (error) throw new ConfigError([`version: ${error.issues[0]?.message}`]);
  return data;
}
