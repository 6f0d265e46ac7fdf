import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { BIN, MARKED, ROOT, temporary } from "../harness/hosts.ts";

const run = promisify(execFile);
const PACKAGE = join(ROOT, "packages/host");

/** Puts a copy of the host, as npm would, into `modules`, beside links to what it depends on; gives its program. */
function install(modules: string): string {
  mkdirSync(join(modules, ".bin"), { recursive: true });
  for (const name of readdirSync(join(ROOT, "node_modules")))
    if (!name.startsWith(".") && name !== "mcp-host") symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  for (const part of ["bin", "dist", "package.json"]) cpSync(join(PACKAGE, part), join(modules, "mcp-host", part), { recursive: true });
  return linked(modules);
}

function linked(modules: string): string {
  const program = join(modules, ".bin/mcp-host");
  symlinkSync("../mcp-host/bin/mcp-host.js", program);
  return program;
}

const LAYOUTS: Record<string, (folder: string) => { program: string; package: string }> = {
  global(folder) {
    return { program: install(join(folder, "lib/node_modules")), package: "lib/node_modules/mcp-host" };
  },
  project(folder) {
    writeFileSync(join(folder, "package.json"), "{}");
    return { program: install(join(folder, "node_modules")), package: "node_modules/mcp-host" };
  },
  npx(folder) {
    mkdirSync(join(folder, "_npx/1a2b"), { recursive: true });
    writeFileSync(join(folder, "_npx/1a2b/package.json"), "{}");
    return { program: install(join(folder, "_npx/1a2b/node_modules")), package: "_npx/1a2b/node_modules/mcp-host" };
  },
};

async function version(program: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  return (await run(process.execPath, [program, "version", ...args], { env: { ...process.env, ...MARKED, ...env } })).stdout;
}

test.each(Object.entries(LAYOUTS))("version says that it was installed: %s", async (how, layout) => {
  using folder = temporary();
  const { program, package: name } = layout(folder.path);
  const { installed } = JSON.parse(await version(program, ["--json"]));
  expect(installed).toEqual({ how, folder: join(realpathSync(folder.path), name), container: expect.any(Boolean) });
});

test("version says that it is linked, from source, and in a container", async () => {
  using folder = temporary();
  mkdirSync(join(folder.path, "node_modules/.bin"), { recursive: true });
  symlinkSync(PACKAGE, join(folder.path, "node_modules/mcp-host"));
  const program = linked(join(folder.path, "node_modules"));
  expect(JSON.parse(await version(program, ["--json"])).installed).toMatchObject({ how: "linked", folder: PACKAGE });
  expect(JSON.parse(await version(BIN, ["--json"], { container: "podman" })).installed).toMatchObject({ how: "source", container: true });
  expect(await version(BIN, [], { container: "podman" })).toMatch(new RegExp(`\ninstalled from source, in a container: ${PACKAGE}\n$`));
});
