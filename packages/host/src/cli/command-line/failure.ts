import { ConfigError, ConfigFileError } from "../../errors.ts";
import { createLogger, escapeControls } from "../../log.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { redactText } from "../../redact.ts";
import { EXIT } from "./exit.ts";
import { Interrupted } from "./interrupted.ts";
import { asTyped } from "./typed-command.ts";
import { everyValue } from "./usage.ts";

/** What a command that failed tells, and the exit code that says it. Plain data: a daemon sends its own to whoever started it. */
export interface Failure {
  readonly code: number;
  readonly text: string;
  readonly problems: readonly string[];
  /** The config file that the problems are of. */
  readonly config?: string | undefined;
}

/** Another process failed; it is told as if it had been this one. */
export class FailedElsewhere extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.text);
    this.name = "FailedElsewhere";
    this.failure = failure;
  }
}

export function failureOf(error: unknown, argv: readonly string[]): Failure {
  const failure = (code: number, text: string): Failure => ({ code, text: asTyped(text), problems: [] });
  if (error instanceof FailedElsewhere) return error.failure;
  if (error instanceof UsageError) {
    const help = ["mcp-host", ...(error.command === undefined ? [] : [error.command]), "--help"].join(" ");
    return failure(EXIT.usage.code, `${error.message}\nRun \`${help}\` for what there is.`);
  }
  // By name: a plugin may bring a copy of mcp-host of its own.
  if (error instanceof Error && error.name === "NoHostError") return failure(EXIT.notRunning.code, error.message);
  if (error instanceof ConfigError) {
    const problems = error.problems.map(asTyped);
    const config = error instanceof ConfigFileError ? error.path : undefined;
    return { code: EXIT.config.code, text: "the config cannot be used", problems, config };
  }
  const stack = argv.includes("--debug") && error instanceof Error ? error.stack : undefined;
  return failure(EXIT.failure.code, stack ?? (error instanceof Error ? error.message : String(error)));
}

/** Tells what went wrong, as a log line where logs are JSON, and gives the exit code that says it. */
export function reportFailure(error: unknown, argv: readonly string[]): number {
  if (error instanceof Interrupted) return error.code;
  const { code, text, problems, config } = failureOf(error, argv);
  if (everyValue(argv, "log-format").at(-1) === "json")
    createLogger({ format: "json" }).error(text, { config, ...(problems.length > 0 && { problems }) });
  else {
    const lines = [`mcp-host: ${text}${config === undefined ? "" : `: ${config}`}`, ...problems.map((problem) => `  ${problem}`)];
    process.stderr.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
  }
  return code;
}
