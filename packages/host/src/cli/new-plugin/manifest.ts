import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../../version.ts";
import { PACKAGE } from "../command-line/installed.ts";
import { KINDS, type Kind } from "./kinds.ts";

/** What a plugin is built and tested with: what the host itself is. */
export const TOOLS: Readonly<Record<string, string>> = { "@types/node": "20.19.43", typescript: "7.0.2", vitest: "4.1.12" };

/** Versions that a plugin written with this one may meet: up to the next major, or to 1 before that. */
function peerRange(version: string): string {
  return `>=${version} <${Number(version.split(".")[0]) + 1}`;
}

/** The text of a new plugin's `package.json`. */
export function manifest(name: string, kind: Kind): string {
  const own = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as {
    engines: { node: string };
    dependencies: { zod: string };
  };
  const value = {
    name,
    version: "0.1.0",
    description: `mcp-host plugin: ${KINDS[kind]}`,
    type: "module",
    engines: { node: own.engines.node },
    exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" }, "./package.json": "./package.json" },
    files: ["dist", "README.md"],
    scripts: {
      build: "tsc -p tsconfig.build.json",
      // The contract starts processes, which take their time on a busy machine.
      test: "vitest run --testTimeout=30000",
      typecheck: "tsc",
      // The config has options for the plugin, and servers that it can do something with.
      dev: "mcp-host dev ./src/index.ts --config mcp-host.config.json",
      // What has no source any more must not be published.
      prepack: "node --eval \"fs.rmSync('dist', { recursive: true, force: true })\" && npm run build",
    },
    keywords: ["mcp-host-plugin", "mcp"],
    peerDependencies: { "mcp-host": peerRange(VERSION) },
    dependencies: { zod: own.dependencies.zod },
    devDependencies: { "@types/node": TOOLS["@types/node"], "mcp-host": VERSION, typescript: TOOLS.typescript, vitest: TOOLS.vitest },
  };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
