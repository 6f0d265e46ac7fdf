import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Home, type Output, run } from "./cli.ts";
import { ROOT, temporary } from "./hosts.ts";

/** Somebody's machine: a home, and a project in which commands run. */
export interface Desk extends Home {
  /** The user's home. */
  readonly user: string;
  /** Puts a file into the home (`~/...`) or the project, with its folders. Gives its path. */
  write(path: string, text: string): string;
  /** The text of a file, or undefined where there is none. */
  read(path: string): string | undefined;
  /** `mcp-host` in the project. */
  run(...args: string[]): Promise<Output>;
  /** The same with somebody at a terminal, who types these lines. */
  answer(lines: readonly string[], ...args: string[]): Promise<Output>;
  /** The copies that were kept of files, the oldest first. */
  backups(): string[];
}

/** @param platform what the program is to take the machine for */
export function desk(platform: NodeJS.Platform = "linux"): Desk {
  const folder = temporary();
  const user = join(folder.path, "home");
  const path = join(folder.path, "project");
  for (const each of [user, path]) mkdirSync(each);
  const state = join(folder.path, "state");
  const env = {
    HOME: user,
    APPDATA: join(user, "AppData", "Roaming"),
    XDG_CONFIG_HOME: join(user, ".config"),
    XDG_STATE_HOME: state,
    XDG_RUNTIME_DIR: join(folder.path, "run"),
    CODEX_HOME: "",
    CLAUDE_CONFIG_DIR: "",
    NODE_OPTIONS: `--import=${pathToFileURL(join(ROOT, "test/fixtures/pretend.mjs")).href}`,
    PRETEND_PLATFORM: platform,
  };
  const place = (name: string): string => (name.startsWith("~/") ? join(user, name.slice(2)) : join(path, name));
  const self: Desk = {
    path,
    user,
    env,
    write(name, text) {
      const file = place(name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { mode: 0o600 });
      return file;
    },
    read: (name) => (existsSync(place(name)) ? readFileSync(place(name), "utf8") : undefined),
    run: (...args) => run(self, args),
    answer: (lines, ...args) => run(self, args, { PRETEND_TERMINAL: "1" }, lines.map((line) => `${line}\n`).join("")),
    backups: () =>
      existsSync(state)
        ? readdirSync(state, { recursive: true, encoding: "utf8", withFileTypes: true })
            .filter((entry) => entry.isFile() && entry.parentPath.includes("/backups/"))
            .map((entry) => join(entry.parentPath, entry.name))
            .sort()
        : [],
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
  return self;
}
