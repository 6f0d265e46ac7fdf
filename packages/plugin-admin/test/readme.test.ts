import { readFileSync } from "node:fs";
import { join } from "node:path";
import { admin } from "@host/plugin-admin";
import { type Config, createHost } from "mcp-host";
import { expect, test } from "vitest";
import type { z } from "zod";
import { home, run, start, urlOf } from "../../../test/harness/cli.ts";
import { ROOT, upstream } from "../../../test/harness/hosts.ts";
import { ask, TOKENS } from "./running.ts";

const README = readFileSync(join(ROOT, "packages/plugin-admin/README.md"), "utf8");
const { shape } = admin.definition.options as z.ZodObject;
const section = (name: string): string => new RegExp(`^## ${name}\n(.*?)^## `, "ms").exec(README)?.[1] ?? "";
const blocks = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, text = ""]) => text);

test("the table of options has exactly the keys of the schema, each with its default", () => {
  const rows = [...section("Options").matchAll(/^\| `(\w+)` +\| [^|]+ \| (?:`([^`]+)`|none) +\|/gm)];
  const defaults = admin.definition.options?.parse({}) as Record<string, unknown>;
  expect(rows.map(([, key]) => key)).toEqual(Object.keys(shape));
  const told = rows.flatMap(([, key, value]) => (value === undefined ? [] : [[key, JSON.parse(value)]]));
  expect(Object.fromEntries(told)).toEqual(defaults);
});

test("every option says what it is", () => {
  for (const [key, option] of Object.entries(shape)) expect((option as z.ZodType).description, key).toMatch(/.{20}/);
});

test("the hooks under Hooks are those that it taps", async () => {
  const documented = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  await using host = createHost({ mcpServers: {}, plugins: [admin()] });
  await host.prepare();
  expect(documented).toEqual(host.pipeline().taps.map(({ hook }) => hook));
});

test("the routes under Routes are those of the document, with their scopes", async () => {
  const env = { ADMIN_READ_TOKEN: TOKENS.read, ADMIN_TOKEN: TOKENS.configure };
  const written = JSON.parse(blocks("json")[0] ?? "") as Config;
  using at = home({ ...written, mcpServers: { files: upstream() } });
  expect(await run(at, ["validate"], env)).toMatchObject({ code: 0, stderr: "" });
  await using running = start(at, ["start", "--port", "0", "--log-format", "json"], env);
  const url = await urlOf(running);
  const base = new URL("/admin/api/v1/", url);
  const { body } = await ask(base, "GET", "openapi.json", "read");
  const there = Object.entries(body.paths as Record<string, Record<string, { "x-scope": string }>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => `${method.toUpperCase()} ${path} ${operation["x-scope"]}`),
  );
  const rows = [...section("Routes").matchAll(/^\| ((?:`[^`]+`(?:, )?)+) *\| ([a-z, ]+?) *\|/gm)].flatMap(
    ([, routes = "", scopes = ""]) => {
      let [method, before] = ["", ""];
      const needed = scopes.split(", ");
      return [...routes.matchAll(/`([^`]+)`/g)].map(([, route = ""], index) => {
        const parts = route.split(" ");
        if (parts.length === 2) method = parts[0] ?? "";
        const path = parts.at(-1) ?? "";
        // A row may leave out what its first route begins with.
        const full = there.some((each) => each.startsWith(`${method} ${path} `)) ? path : before.slice(0, before.lastIndexOf("/")) + path;
        before = full;
        return `${method} ${full} ${needed[Math.min(index, needed.length - 1)]}`;
      });
    },
  );
  expect(rows.filter((row) => !row.includes("{plugin}")).sort()).toEqual(there.sort());

  // The commands under Use, at the port that this host has.
  const commands = (blocks("sh")[0] ?? "").replaceAll("http://127.0.0.1:3000", url.origin).trim().split("\n");
  expect(commands).toHaveLength(2);
  for (const command of commands) {
    const [, token = "", post, address = ""] = /Bearer \$(\w+)"( -X POST)? (\S+)$/.exec(command) ?? [];
    const headers = { authorization: `Bearer ${env[token as keyof typeof env]}` };
    expect((await fetch(address, { headers, method: post ? "POST" : "GET" })).status, command).toBe(200);
  }
  // The commands under From the command line.
  for (const line of (blocks("sh")[1] ?? "").trim().split("\n")) {
    const { code, stdout } = await run(at, [...line.split(" ").slice(1), "--no-browser"], env);
    expect({ code, stdout }, line).toEqual({ code: 0, stdout: expect.stringContaining(`${base}docs`) });
  }
  // The change under Routes, with the fingerprint that there is.
  const change = JSON.parse(blocks("json")[1] ?? "") as Record<string, unknown>;
  const { fingerprint } = (await ask(base, "GET", "config", "read")).body;
  expect(await ask(base, "POST", "config/change", "configure", { ...change, expect: fingerprint })).toMatchObject({ status: 200 });
  expect(await ask(base, "POST", "config/change", "configure", change)).toMatchObject({ status: 409 });
}, 60_000);

test("the operations that it offers itself are those that its routes and its command have done", async () => {
  await using host = createHost({ mcpServers: {}, plugins: [admin()] });
  await host.prepare();
  const own = host.operator.list().filter(({ plugin }) => plugin === "admin");
  expect(own.map(({ name, scope }) => [name, scope])).toEqual([
    ...["calls", "call", "logs", "page"].map((name) => [`admin:${name}`, "read"]),
    ["admin:setup", "configure"],
  ]);
});
