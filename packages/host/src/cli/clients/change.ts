import { existsSync, readFileSync } from "node:fs";
import { createTwoFilesPatch } from "diff";
import { backUp } from "../../config/backup.ts";
import { replaceFile } from "../../config/replace.ts";
import { isSecret, passwordsIn } from "../../config/secrets.ts";
import { escapeControls } from "../../log.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { redactText, registerSecret } from "../../redact.ts";
import { Dialogue, isAsking } from "../terminal/dialogue.ts";
import type { ClientFile } from "./client-file.ts";
import type { ChangeFlags } from "./client-options.ts";

/** What became of a client's file. */
export interface Change {
  readonly written: boolean;
  /** Somebody was asked and said no. */
  readonly declined: boolean;
  /** The file before, where there was one. */
  readonly backup?: string | undefined;
  /** The difference without secrets, as a patch; "" where nothing had to change. */
  readonly diff: string;
}

export const UNCHANGED: Change = { written: false, declined: false, diff: "" };

/** Shows what changes in a client's file, asks, keeps a copy and writes. With `--json` only who is asked is shown anything. */
export async function change(file: ClientFile, after: string, flags: ChangeFlags): Promise<Change> {
  const diff = difference(file, after);
  if (!flags.json) process.stdout.write(escapeControls(diff));
  if (flags["dry-run"] === true) return { ...UNCHANGED, diff };
  if (flags.yes !== true) {
    if (!isAsking()) throw new UsageError("there is no terminal to ask on; pass --yes to write, or --dry-run to see what would be written");
    if (flags.json) process.stderr.write(escapeControls(diff));
    using dialogue = new Dialogue();
    if (!(await dialogue.confirm(`Write this to ${file.path}?`, true))) {
      process.stderr.write("Nothing was written.\n");
      return { ...UNCHANGED, declined: true, diff };
    }
  }
  // Some clients write their files themselves, and somebody may have thought long about the question.
  if (textNow(file.path) !== file.text) throw new Error(`${file.path} was changed meanwhile, so nothing was written; try again`);
  const backup = await backUp(file.path);
  replaceFile(file.path, after);
  return { written: true, declined: false, backup, diff };
}

function textNow(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function difference({ path, text = "", value }: ClientFile, after: string): string {
  // The lines around a change are the servers of others, with their keys.
  const forget = secretsIn(value).map(registerSecret);
  try {
    const [, ...patch] = createTwoFilesPatch(path, path, text, after, "before", "after", { context: 2 }).split("\n");
    return redactText(patch.join("\n"));
  } finally {
    for (const each of forget) each();
  }
}

function secretsIn(value: unknown, within = "", name = ""): string[] {
  if (typeof value === "string") return isSecret(["mcpServers", "", within, name], "", value) ? [value] : passwordsIn(value);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    secretsIn(item, key.includes("headers") ? "headers" : key === "env" || key === "environment" ? "env" : within, key),
  );
}
