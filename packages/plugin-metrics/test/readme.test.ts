import { readFileSync } from "node:fs";
import { join } from "node:path";
import { metrics } from "@host/plugin-metrics";
import { type Config, createHost } from "mcp-host";
import { expect, test, vi } from "vitest";
import { parse } from "yaml";
import type { z } from "zod";
import { home, run, start } from "../../../test/harness/cli.ts";
import { ROOT, startHost, upstream } from "../../../test/harness/hosts.ts";
import { bearer, WireClient } from "../../../test/harness/wire.ts";

const README = readFileSync(join(ROOT, "packages/plugin-metrics/README.md"), "utf8");
const { shape } = metrics.definition.options as z.ZodObject;
const section = (name: string): string => new RegExp(`^## ${name}\n(.*?)^## `, "ms").exec(README)?.[1] ?? "";

test("the table of options has exactly the keys of the schema, each with its default", () => {
  const rows = [...section("Options").matchAll(/^\| `(\w+)` +\| [^|]+ \| (?:`([^`]+)`|none) +\|/gm)];
  const defaults = metrics.definition.options?.parse({}) as Record<string, unknown>;
  expect(Object.fromEntries(rows.map(([, key, value]) => [key, value === undefined ? undefined : JSON.parse(value)]))).toEqual(defaults);
  expect(rows.map(([, key]) => key)).toEqual(Object.keys(shape));
});

test("every option says what it is", () => {
  for (const [key, option] of Object.entries(shape)) expect((option as z.ZodType).description, key).toMatch(/.{20}/);
});

const configs = [...README.matchAll(/^```json\n(.*?)^```/gms)].map(([, text]) => JSON.parse(text ?? "") as Config);

test("the config under Use runs", async () => {
  const [plain] = configs;
  await using running = await startHost({ ...plain, listen: { port: 0 }, mcpServers: { files: upstream() } });
  expect((await fetch(new URL("/metrics", running.url))).status).toBe(200);
});

test("the config for other machines is valid as it stands, and starts; only the token reads the figures", async () => {
  expect(configs).toHaveLength(2);
  const exposed = configs[1] as Config; // there are two
  const env = { METRICS_TOKEN: "0123456789abcdef", MCP_HOST_PEPPER: "a pepper for the README" };
  // Files, since only in them variables are replaced.
  using at = home({ ...exposed, mcpServers: { files: upstream() } }, { "keys.json": "[]" });
  expect(await run(at, ["validate"], env)).toMatchObject({ code: 0, stderr: "" });
  // On loopback, like everything here.
  const flags = ["--host", "127.0.0.1", "--port", "0", "--log-format", "json"];
  await using running = start(at, ["start", ...flags], env);
  const url = await vi.waitFor(() => new URL(/"url":"([^"]+)"/.exec(running.stderr())?.[1] ?? ""));
  const status = async (headers: Record<string, string>) => (await fetch(new URL("/metrics", url), { headers })).status;
  expect(await status({})).toBe(401);
  expect(await status({ authorization: `Bearer ${env.METRICS_TOKEN}` })).toBe(200);
  expect((await fetch(url, { method: "POST", headers: { authorization: `Bearer ${env.METRICS_TOKEN}` } })).status).toBe(401);
});

test("the scrape config is YAML, and the files that are named are shipped", () => {
  const [, text = ""] = /^```yaml\n(.*?)^```/ms.exec(README) ?? [];
  expect(parse(text)).toMatchObject({ scrape_configs: [{ job_name: expect.stringContaining("mcp") }] });
  for (const file of ["dashboards/grafana.json", "alerts/rules.yml", "alerts/rules.test.yml"]) {
    expect(README).toContain(file);
    expect(readFileSync(join(ROOT, "packages/plugin-metrics", file), "utf8")).not.toBe("");
  }
});

test("the hooks under Hooks are those that it taps", async () => {
  const documented = [...section("Hooks").matchAll(/^- `(\w+)`/gm)].map(([, hook]) => hook);
  await using host = createHost({ mcpServers: {}, plugins: [metrics()] });
  await host.prepare();
  expect(documented).toEqual(host.pipeline().taps.map(({ hook }) => hook));
});

test("the metrics under Metrics are those that are scraped, with their kinds and labels", async () => {
  const rows = [...section("Metrics").matchAll(/^\| ((?:`\w+`(?:, )?)+) *\| (\w+) +\| ([^|]*)\|/gm)].flatMap(
    ([, names = "", kind, labels = ""]) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => [name, kind, labels] as const),
  );
  const words = {
    target: ["mcp_method_name", "upstream", "gen_ai_tool_name", "gen_ai_prompt_name"],
    ending: ["error_type", "rpc_response_status_code"],
  };
  await using running = await startHost({ mcpServers: { near: upstream() }, plugins: [bearer(), metrics({ principals: 5 })] });
  const client = await WireClient.connect(running.url, { headers: { authorization: "Bearer alice" } });
  await client.call("echo");
  await client.request("tools/call", { name: "fail" });
  await client.request("prompts/get", { name: "plain" });
  await client.ask({ method: "DELETE" });
  const text = await (await fetch(new URL("/metrics", running.url), { headers: { authorization: "Bearer alice" } })).text();
  const scraped = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, kind]) => [name, kind]);
  expect(rows.map(([name, kind]) => `${name} ${kind}`).sort()).toEqual(scraped.map(([name, kind]) => `${name} ${kind}`).sort());
  for (const [name, , documented] of rows) {
    const wanted = [
      ...[...documented.matchAll(/`(\w+)`/g)].map(([, label]) => label),
      ...Object.entries(words).flatMap(([word, labels]) => (documented.includes(word) && !documented.includes("`") ? labels : [])),
    ];
    const found = new Set(
      [...text.matchAll(new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\}`, "gm"))].flatMap(([, pairs = ""]) =>
        [...pairs.matchAll(/(\w+)="/g)].map(([, label]) => label),
      ),
    );
    found.delete("le");
    // What answers well is not in a family that counts only upstreams, and so on: no label that is not documented.
    expect([...found].sort(), name).toEqual([...wanted].sort());
  }
});
