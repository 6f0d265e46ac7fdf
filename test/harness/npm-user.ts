import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { MARKED, temporary } from "./hosts.ts";
import { serveRegistry } from "./registry.ts";

const run = promisify(execFile);

/** Somebody with a home of their own, whose npm knows a registry on loopback and no other. */
export interface NpmUser extends AsyncDisposable {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  /** The registry's address. */
  readonly registry: string;
  /** The names that it has. */
  readonly packages: readonly string[];
  /** Runs lines of a shell in a folder; one that fails ends them. @throws Error with what was said, if one fails */
  shell(lines: string, cwd: string): Promise<{ stdout: string; stderr: string }>;
}

/**
 * @param folders packages whose dependencies the registry has, as they are installed here; it has nothing else
 * @param optional whether it has optional ones, too
 */
export async function npmUser(folders: readonly string[], optional = false): Promise<NpmUser> {
  const folder = temporary();
  const home = join(folder.path, "home");
  mkdirSync(home);
  const registry = await serveRegistry(folders, optional);
  // What the npm that runs the tests was told (its registry, its cache) is not for this one, and what it covers counts nowhere.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|_proxy$|^NODE_V8_COVERAGE$|^XDG_|^CODEX_|^CLAUDE_/i.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    ...MARKED,
    HOME: home,
    XDG_RUNTIME_DIR: join(folder.path, "run"),
    npm_config_registry: registry.url,
    npm_config_cache: join(folder.path, "cache"),
    npm_config_prefix: join(home, ".global"),
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    npm_config_fund: "false",
  };
  return {
    home,
    env,
    registry: registry.url,
    packages: registry.names,
    shell: (lines, cwd) => run("sh", ["-ec", lines], { cwd, env, maxBuffer: 16 * 1024 * 1024 }),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}
