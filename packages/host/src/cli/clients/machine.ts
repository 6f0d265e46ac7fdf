import { homedir } from "node:os";

/** What decides where a client keeps its files. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder of the project: where project files are looked for and written. */
  readonly folder: string;
}

export function thisMachine(): Machine {
  return { platform: process.platform, home: homedir(), env: process.env, folder: process.cwd() };
}
