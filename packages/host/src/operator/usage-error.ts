/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  /** Of which command, or group of commands, the line is; undefined where it is of none. */
  command: string | undefined = undefined;

  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }

  of(command: string): this {
    this.command ??= command;
    return this;
  }
}
