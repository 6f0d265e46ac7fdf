import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ROOT, startHost, temporary, upstream } from "../harness/hosts.ts";
import { WireClient } from "../harness/wire.ts";

const page = readFileSync(join(ROOT, "docs/deployment.md"), "utf8");
const [, section = ""] = page.split("\n## The log, for collectors\n");
/** The names in the first column of the tables of that section. */
const told = Array.from(section.matchAll(/^\| (`[^|]+) \|/gm), ([, cell = ""]) => cell).flatMap((cell) =>
  Array.from(cell.matchAll(/`(\w+)`/g), ([, name = ""]) => name),
);
const LEVELS = ["error", "warn", "info", "debug"];

test("the fields of a request that docs/deployment.md tells of are those that its line has", async () => {
  await using running = await startHost({ mcpServers: { up: upstream({ only: ["echo"] }) } });
  const client = await WireClient.connect(running.url);
  await client.call("echo", { n: 1 });
  await expect.poll(() => running.logs.some(({ method }) => method === "tools/call")).toBe(true);
  const line = running.logs.find(({ method }) => method === "tools/call") ?? {};
  expect(line).toMatchObject({
    level: "debug",
    message: "a request was answered",
    entry: "echo",
    upstream: "up",
    era: "legacy",
    outcome: "ok",
  });
  expect(Object.keys(line).filter((name) => !told.includes(name))).toEqual([]);
  expect(String(line.requestId)).toMatch(/^[0-9a-f]{32}$/);
  for (const each of running.logs) {
    expect(Object.keys(each).slice(0, 3)).toEqual(["time", "level", "message"]);
    expect(LEVELS).toContain(each.level);
  }
  for (const name of LEVELS) expect(told).toContain(name);
});

test("the examples for collectors say that nobody has run them, are YAML, and use fields that lines have", () => {
  const files = readdirSync(join(ROOT, "deploy/logs"));
  expect(files.sort()).toEqual(["fluent-bit.yaml", "promtail.yaml", "vector.yaml"]);
  for (const file of files) {
    const text = readFileSync(join(ROOT, "deploy/logs", file), "utf8");
    expect(text.split("\n")[0], file).toContain("NOT RUN");
    expect(parse(text), file).toBeTypeOf("object");
    expect(text, file).toContain("time");
  }
});

test("secrets for compose.yaml are made as the page says", () => {
  const blocks = Array.from(
    page
      .split("\n## Compose\n")[1]
      ?.split("\n## ")[0]
      ?.matchAll(/^```sh\n(.*?)^```$/gms) ?? [],
    ([, text = ""]) => text,
  );
  expect(blocks).toHaveLength(3);
  using folder = temporary({ "machine/.env.example": readFileSync(join(ROOT, "deploy/machine/.env.example"), "utf8") });
  const [make = "", derive = ""] = blocks;
  // Users of containers are given files by root alone.
  const own = derive
    .replace(/^chown .*$/gm, "")
    .replace("-o 1000 -g 1000 ", "")
    .replace("openssl rand -base64 24", "echo secret");
  const filled = "sed -i s/^METRICS_TOKEN=/METRICS_TOKEN=0123456789abcdef/ secrets/mcp-host.env";
  const { status, stderr } = spawnSync("/bin/sh", ["-ec", [make, filled, own].join("\n")], { cwd: folder.path, encoding: "utf8" });
  expect(status, stderr).toBe(0);
  expect(readdirSync(join(folder.path, "secrets")).sort()).toEqual(["grafana-password", "mcp-host.env", "metrics-token"]);
  expect(readFileSync(join(folder.path, "secrets/metrics-token"), "utf8")).toBe("0123456789abcdef\n");
});
