import { ConfigError } from "../../errors.ts";
import { escapeControls } from "../../log.ts";
import { NoHostError } from "../../operator/control-client.ts";
import { UsageError } from "../../operator/usage-error.ts";
import type { ClientFlags, Target } from "../clients/client-options.ts";
import { ClientError } from "../clients/clients.ts";
import { EXIT, type ExitCode } from "../command-line/exit.ts";
import { Interrupted } from "../command-line/interrupted.ts";
import { jsonText } from "../terminal/json-text.ts";
import type { Outcome } from "./installation.ts";

/** Failures that are not about one client. */
const EVERYBODYS = [ConfigError, NoHostError, UsageError, Interrupted];

/**
 * Does something to the file of each client, and tells what became of it. With `--all` one that fails does not keep the others from it.
 * @param describe lines for people
 * @returns 1 where somebody was asked and said no, or where it failed for one of all
 */
export async function forEach<O extends Outcome>(
  targets: readonly Target[],
  flags: ClientFlags & { json?: boolean | undefined },
  work: (target: Target) => Promise<O>,
  describe: (outcome: O) => readonly string[],
): Promise<ExitCode> {
  const told: unknown[] = [];
  const said = new Set<string>();
  const say = (target: Target, lines: readonly string[]): void => {
    // What is true of every client is said once.
    const news = lines.filter((line) => !said.has(line));
    for (const line of news) said.add(line);
    if (news.length > 0) write(flags.all === true ? [`${target.client.title}:`, ...news.map((line) => `  ${line}`)] : news);
  };
  let isWhole = true;
  for (const target of targets) {
    try {
      const outcome = await work(target);
      told.push(outcome);
      if (outcome.declined) isWhole = false;
      if (!flags.json) say(target, [...fateOf(outcome), ...describe(outcome)]);
    } catch (error) {
      // What is wrong with the config, the command line or the terminal is wrong for the others, too.
      const isOfAll = EVERYBODYS.some((kind) => error instanceof kind) && !(error instanceof ClientError);
      if (flags.all !== true || isOfAll) throw error;
      const reason = (error as Error).message; // Errors with words for people
      isWhole = false;
      told.push({ client: target.id, name: target.name, path: target.path, error: reason });
      if (!flags.json) say(target, [reason]);
    }
  }
  if (flags.json) process.stdout.write(jsonText(flags.all === true ? { clients: told } : told[0]));
  else if (targets.length === 0) write(["No client was found."]);
  return isWhole ? EXIT.ok.code : EXIT.failure.code;
}

/** What became of the file before. */
function fateOf({ written, path, backup }: Outcome): string[] {
  if (!written) return [];
  return [backup === undefined ? `${path} is new.` : `The file before is kept as ${backup}.`];
}

function write(lines: readonly string[]): void {
  process.stderr.write(`${escapeControls(lines.join("\n"))}\n`);
}
