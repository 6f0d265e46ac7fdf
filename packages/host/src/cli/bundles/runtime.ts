import { execFile } from "node:child_process";
import { promisify } from "node:util";
import coerce from "semver/functions/coerce.js";
import satisfies from "semver/functions/satisfies.js";
import validRange from "semver/ranges/valid.js";
import type { Manifest } from "./manifest.ts";

/** What a server of a type is run by, and by which names systems have it. No program of the bundle is asked: it might be anything. */
const PROGRAMS: Readonly<Record<string, { readonly title: string; readonly names: readonly string[] }>> = {
  node: { title: "Node.js", names: ["node"] },
  python: { title: "Python", names: ["python", "python3"] },
  python3: { title: "Python", names: ["python3", "python"] },
  uv: { title: "uv", names: ["uv"] },
};
const PATIENCE = 10_000;

/** @throws Error where the bundle says that it does not run on this system */
export function checkPlatform({ compatibility }: Manifest): void {
  const platforms = compatibility?.platforms;
  if (platforms && platforms.length > 0 && !platforms.includes(process.platform))
    throw new Error(`it runs on ${platforms.slice(0, 10).join(", ")}, and this is ${process.platform}`);
}

/**
 * The name by which this system has a command's program, and of one that is not Node.js, Python or uv the command itself.
 * @throws Error where it is not there, or older or newer than the bundle can have
 */
export async function programFor(command: string, { compatibility }: Manifest): Promise<string> {
  const program = Object.hasOwn(PROGRAMS, command) ? PROGRAMS[command] : undefined;
  if (!program) return command;
  const { title, names } = program;
  const [name, version] = (await firstOf(names)) ?? [];
  if (name === undefined || version === undefined)
    throw new Error(`it needs ${title}, and there is no ${names.join(" or ")} on PATH; install it first`);
  const range = compatibility?.runtimes?.[command === "python3" ? "python" : command];
  // Python writes ranges with commas.
  const understood = range === undefined ? null : validRange(range.replaceAll(",", " "));
  if (understood !== null && !satisfies(version, understood)) throw new Error(`it needs ${title} ${range}, and ${name} is ${version}`);
  return name;
}

async function firstOf(names: readonly string[]): Promise<readonly [name: string, version: string] | undefined> {
  for (const name of names) {
    try {
      const { stdout } = await promisify(execFile)(name, ["--version"], { timeout: PATIENCE, killSignal: "SIGKILL", maxBuffer: 64 * 1024 });
      const version = coerce(stdout)?.version;
      if (version !== undefined) return [name, version];
    } catch {
      // not there, or none of that kind: the next
    }
  }
  return undefined;
}
