import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { ROOT } from "../harness/hosts.ts";
import { ignoredBy, instructionsOf } from "./dockerfile.ts";
import { build, type Image } from "./image.ts";

const SERVER = (JSON.parse(readFileSync(join(ROOT, "examples/package.json"), "utf8")) as { dependencies: Record<string, string> })
  .dependencies["@modelcontextprotocol/server-filesystem"];

describe("the image that the Dockerfile makes", () => {
  let image: Image;
  beforeAll(() => {
    image = build({ SERVERS: `@modelcontextprotocol/server-filesystem@${SERVER}` });
  }, 300_000);
  afterAll(() => image?.[Symbol.dispose]());

  test("has what npm publishes and production needs, and no sources, tests or tools", () => {
    const host = readdirSync(image.at("/app/packages/host")).filter((name) => name !== "node_modules");
    expect(host.sort()).toEqual(["LICENSE", "README.md", "bin", "dist", "package.json", "schema.json", "templates"]);
    for (const name of readdirSync(join(ROOT, "packages"))) {
      expect(existsSync(image.at(`/app/packages/${name}/dist/index.js`)), name).toBe(true);
      expect(existsSync(image.at(`/app/packages/${name}/src`)), name).toBe(false);
    }
    for (const name of ["zod", "hono"]) expect(existsSync(image.at(`/app/node_modules/${name}`)), name).toBe(true);
    for (const name of ["vitest", "typescript", "turbo", "openai"])
      expect(existsSync(image.at(`/app/node_modules/${name}`)), name).toBe(false);
    expect(image.user).toBe("1000:1000");
  });

  test("its CMD serves a tool as nobody special from a root that is read-only, and its HEALTHCHECK tells whether it is ready", async () => {
    copyFileSync(join(ROOT, "deploy/machine/mcp-host.config.jsonc"), image.at("/etc/mcp-host/mcp-host.config.jsonc"));
    mkdirSync(image.at("/etc/mcp-host/files"));
    writeFileSync(image.at("/etc/mcp-host/files/note.txt"), "here");
    // As compose.yaml has it: .env.example, filled in. Its places are a machine's, and the image's own go before them.
    const files = image.at("/etc/mcp-host/files");
    const values: Record<string, string> = {
      FILES_FOLDER: files,
      TICKETS_URL: "http://127.0.0.1:9/mcp",
      TICKETS_TOKEN: "t",
      MCP_HOST_PEPPER: "a-pepper-that-only-tests-know",
      METRICS_TOKEN: "a-token-of-the-scraper-alone",
    };
    const variables = readFileSync(join(ROOT, "deploy/machine/.env.example"), "utf8");
    expect(variables).toMatch(/^MODULES=\/opt\//m);
    const secret = "/etc/mcp-host/secret.env";
    writeFileSync(
      image.at(secret),
      variables.replace(/^(\w+)=.*$/gm, (line, name: string) => (name in values ? `${name}=${values[name]}` : line)),
    );
    const own = ["--env-file", secret];
    expect(image.exec(image.healthcheck).code).toBe(5);
    const added = image.exec(["mcp-host", "auth", "keys", "add", "ada", "--roles", "writer", ...own]);
    expect(added.code, added.said).toBe(0);
    const [key = ""] = /mcph_\S+/.exec(added.said) ?? [];
    const child = image.start([...image.command, ...own, "--set", "listen.port=0"]);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => void (said += chunk));
    const ended = new Promise((done) => child.once("close", done));
    try {
      const url = await vi.waitFor(() => {
        const [, found] = /"url":"([^"]+)"/.exec(said) ?? [];
        if (found === undefined) throw new Error(`not listening: ${said}`);
        return new URL(found.replace("0.0.0.0", "127.0.0.1"));
      });
      await vi.waitFor(() => {
        const health = image.exec(image.healthcheck);
        expect(health.code, health.said).toBe(0);
      });
      const client = sdkClient();
      await client.connect(httpTransport(url, { authorization: `Bearer ${key}` }));
      const call = { name: "files__read_text_file", arguments: { path: join(files, "note.txt") } };
      expect((await client.callTool(call)).content).toMatchObject([{ text: "here" }]);
      await client.close();
      expect(said).not.toMatch(/EACCES|EROFS|EPERM/);
    } finally {
      child.kill("SIGTERM");
      expect(await ended, said).toBe(0);
    }
    expect(image.exec(image.healthcheck).code).toBe(5);
  });
});

test("the steps are read as Docker reads them", () => {
  expect(instructionsOf('# a\nFROM x AS y\nRUN --mount=type=cache,target=/c a \\\n# b\n  && b\nCMD ["c"]\n')).toEqual([
    { name: "FROM", flags: {}, rest: "x AS y" },
    { name: "RUN", flags: { mount: "type=cache,target=/c" }, rest: "a && b" },
    { name: "CMD", flags: {}, rest: '["c"]' },
  ]);
  expect(() => instructionsOf("RUN <<EOF")).toThrow("not understood");
  const ignored = ignoredBy("# a\n.git\n**/dist\npackages/*/test\n");
  const paths = [".git", ".git/x", ".gitignore", "dist", "packages/a/dist/b", "packages/a/test", "packages/a/src/test"];
  expect(paths.filter(ignored)).toEqual([".git", ".git/x", "dist", "packages/a/dist/b", "packages/a/test"]);
});

test("nothing that holds secrets comes into the context", () => {
  const ignored = ignoredBy(readFileSync(join(ROOT, ".dockerignore"), "utf8"));
  for (const path of [
    ".env",
    "deploy/secrets/host.env",
    "packages/host/.env",
    "node_modules/x",
    "packages/host/node_modules/x",
    ".git/config",
  ])
    expect(ignored(path), path).toBe(true);
  for (const path of ["package.json", "packages/host/src/index.ts", "docs/cli.md", "scripts/copy-docs.mjs"])
    expect(ignored(path), path).toBe(false);
});
