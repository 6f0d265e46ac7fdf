import { setTimeout as pause } from "node:timers/promises";
import { type ArgsDef, type CommandDef, defineCommand, runCommand } from "citty";
import { nearest } from "../config/nearest.ts";
import { ConfigError, ConfigFileError } from "../errors.ts";
import { UsageError } from "../operator/usage-error.ts";
import type { PluginCommandData } from "../plugin/plugin.ts";
import { EXIT } from "./command-line/exit.ts";
import { checkArguments, everyValue, splitWords } from "./command-line/usage.ts";
import { COMMANDS } from "./commands.ts";

/** How often it is looked whether everything was read. */
const LOOK = 10;

/** Runs one command line and ends the process with its exit code. */
export async function main(argv: string[]): Promise<void> {
  // A reader that goes away (`| head`, a terminal that was closed) is nobody's fault.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const code = await exitCodeOf(argv);
  // What is still in a pipe is read first; a timer that a plugin left behind keeps nobody waiting.
  while ([process.stdout, process.stderr].some((stream) => stream.writableLength > 0 && !stream.destroyed)) await pause(LOOK);
  process.exit(code);
}

const root = defineCommand({
  meta: { name: "mcp-host", description: "Any number of MCP servers behind one endpoint" },
  subCommands: COMMANDS,
});

/** Runs one command line and gives its exit code. Only `start` leaves anything behind: how it handles signals. */
export async function exitCodeOf(argv: string[]): Promise<number> {
  try {
    return await dispatch(argv);
  } catch (error) {
    const { reportFailure } = await import("./command-line/failure.ts");
    return reportFailure(error, argv);
  }
}

/** Flags that stand for commands. */
const FLAGS: ReadonlyMap<string, string> = new Map([
  ["--version", "version"],
  ["-v", "version"],
  ["--completion", "completion"],
]);

async function dispatch(argv: string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || isHelp(name)) return usage(root, "");
  const group = Object.keys(COMMANDS).filter((command) => command.startsWith(`${name} `));
  if (group.length > 0) return dispatchGroup(name, group, rest);
  const load = COMMANDS[FLAGS.get(name) ?? name];
  if (load) return run(await load(), name, rest);
  if (!name.startsWith("-")) {
    const { pluginCommand } = await import("./command-line/plugin-command.ts");
    const found = await pluginCommand(name, rest).catch((error: unknown) => {
      throw unknownCommand(name, error);
    });
    if (found) return asCommandOf(rest, () => run(found.command, found.name, found.rest, found.data));
  }
  throw unknownCommand(name);
}

/** One of several commands whose first word is the same. */
async function dispatchGroup(name: string, group: readonly string[], [word, ...rest]: string[]): Promise<number> {
  const subCommands = Object.fromEntries(group.map((command) => [command, COMMANDS[command] as () => Promise<CommandDef>])); // they are its keys
  if (word !== undefined && isHelp(word)) return usage(defineCommand({ meta: { name }, subCommands }), name);
  const load = subCommands[`${name} ${word}`];
  if (load) return run(await load(), `${name} ${word}`, rest);
  if (word === undefined) throw new UsageError(`\`${name}\` is one of ${group.map((command) => `\`${command}\``).join(", ")}`).of(name);
  throw new UsageError(`there is no command "${name} ${word}"${nearest(`${name} ${word}`, group)}`).of(name);
}

/** First words of commands that stock plugins bring. */
const BROUGHT: ReadonlyMap<string, string> = new Map([
  ["secret", "@host/plugin-vault"],
  ["login", "@host/plugin-oauth"],
  ["logout", "@host/plugin-oauth"],
]);

/** @param cause why it is not known whether a plugin brings the command; it does not matter to a command that is only misspelt */
function unknownCommand(name: string, cause?: unknown): Error {
  if (cause instanceof UsageError) return cause;
  const near = nearest(name, Object.keys(COMMANDS));
  const stock = BROUGHT.get(name);
  const plain = `there is no command "${name}"${stock === undefined ? near : `; ${stock} brings it: add it to "plugins" in the config`}`;
  if ((near !== "" && stock === undefined) || !(cause instanceof ConfigError)) return new UsageError(plain);
  const place = cause instanceof ConfigFileError && cause.path !== undefined ? ` ${cause.path}` : "";
  const problems = cause.problems.map((problem) => `  ${problem}`);
  return new UsageError([`${plain}, and the config${place}, whose plugins may bring it, cannot be used:`, ...problems].join("\n"));
}

/** A command of a plugin that reaches a running host means the one that `--config` names. */
async function asCommandOf<T>(words: readonly string[], work: () => Promise<T>): Promise<T> {
  const [config] = everyValue(words, "config");
  if (config === undefined) return work();
  const { choosing } = await import("../operator/control-client.ts");
  return choosing({ config }, work);
}

async function run(command: CommandDef, name: string, rawArgs: string[], data?: PluginCommandData): Promise<number> {
  if (splitWords(rawArgs).own.some(isHelp)) return usage(command, name);
  const { result } = await of(name, async () => {
    checkArguments(name, rawArgs, (command.args ?? {}) as ArgsDef); // no command makes its arguments lazily
    return runCommand(command, { rawArgs, data });
  });
  return typeof result === "number" ? result : EXIT.ok.code;
}

/** What is wrong with a command's line is told with that command's help. */
async function of<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof UsageError ? error.of(name) : error;
  }
}

function isHelp(token: string): boolean {
  return token === "--help" || token === "-h";
}

async function usage(command: CommandDef, name: string): Promise<number> {
  const { usageText } = await import("./terminal/usage-text.ts");
  process.stdout.write(await usageText(command, name));
  return EXIT.ok.code;
}
