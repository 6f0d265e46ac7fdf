/** What a service definition says; every path is absolute. */
export interface Service {
  readonly node: string;
  readonly bin: string;
  readonly config: string;
  /** PATH, where the commands of stdio servers are found. */
  readonly path: string;
  /** The user's home. */
  readonly home: string;
  /** Seconds until what still runs is killed. */
  readonly stopTimeout: number;
  readonly scope: "user" | "system";
  /** As whom a machine's service runs; undefined: as a user of its own. */
  readonly user: string | undefined;
  /** With what some servers cannot live with. */
  readonly harden: boolean;
}

/** The program that a service starts, and its arguments. */
export function programArguments({ node, bin, config }: Service): string[] {
  return [node, bin, "start", "http", "--config", config, "--log-format", "json"];
}
