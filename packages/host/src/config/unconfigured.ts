/** A value that an entry of `mcpServers` refers to and nobody has set: the server cannot be used, and the others can. */
export class Unconfigured {
  /** What the entry would be reached over. */
  readonly wire: "stdio" | "http" | "transport";
  /** What is missing, a line each, with its place in the config. */
  readonly problems: readonly string[];
  /** The same as one text, with places within the entry. */
  readonly reason: string;

  /** @param entry the place of the entry, which the problems begin with */
  constructor(entry: string, problems: readonly string[], wire: Unconfigured["wire"]) {
    this.wire = wire;
    this.problems = problems;
    this.reason = problems.map((problem) => (problem.startsWith(`${entry}.`) ? problem.slice(entry.length + 1) : problem)).join("; ");
  }

  /** Where the config is shown. */
  toJSON(): string {
    return this.reason;
  }
}

/** What an entry lacks, if it lacks anything. */
export function unconfigured(server: unknown): Unconfigured | undefined {
  const lacks = typeof server === "object" && server !== null && "unconfigured" in server ? server.unconfigured : undefined;
  return lacks instanceof Unconfigured ? lacks : undefined;
}
