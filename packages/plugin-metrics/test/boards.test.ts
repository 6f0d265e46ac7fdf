import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cache } from "@host/plugin-cache";
import { metrics } from "@host/plugin-metrics";
import { resilience } from "@host/plugin-resilience";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ROOT, startHost, type TestHost, upstream } from "../../../test/harness/hosts.ts";
import { bearer, WireClient } from "../../../test/harness/wire.ts";

const PACKAGE = join(ROOT, "packages/plugin-metrics");
const read = (file: string): string => readFileSync(join(PACKAGE, file), "utf8");

interface Board {
  panels: {
    id: number;
    title: string;
    type: string;
    gridPos: { x: number; y: number; w: number; h: number };
    targets?: { expr: string }[];
  }[];
  templating: { list: { name: string; query: string | { query: string } }[] };
}
interface Rules {
  groups: { rules: { alert: string; expr: string; labels: Record<string, string>; annotations: Record<string, string> }[] }[];
}

const board = JSON.parse(read("dashboards/grafana.json")) as Board;
const rules = (parse(read("alerts/rules.yml")) as Rules).groups.flatMap((group) => group.rules);

const WORDS = new Set(["by", "without", "on", "ignoring", "and", "or", "unless", "bool", "offset", "group_left", "group_right"]);

/** The metrics and the labels that an expression of PromQL names. */
function namesIn(expression: string): { metrics: string[]; labels: string[] } {
  const labels: string[] = [];
  const bare = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{([^}]*)\}/g, (_all, matchers: string) => {
      for (const [, label] of matchers.matchAll(/(\w+)\s*[=!]~?/g)) labels.push(label ?? "");
      return "";
    })
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g, (_all, list: string) => {
      labels.push(...list.split(",").map((label) => label.trim()));
      return "";
    })
    .replaceAll(/\[[^\]]*\]/g, "");
  const found = [...bare.matchAll(/\b([a-z_][a-z0-9_]*)\b(?!\s*\()/gi)].map(([, name]) => name ?? "");
  // A number such as 1.5e9 leaves no name, since a word does not begin within one.
  return { metrics: found.filter((name) => !WORDS.has(name)), labels };
}

/** What Grafana asks a data source for the values of a variable. */
const variables = board.templating.list.flatMap(({ query }) => {
  const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(typeof query === "string" ? query : query.query) ?? [];
  return metric === undefined ? [] : [{ where: `variable ${label}`, metrics: [metric], labels: [label ?? ""] }];
});
const uses = [
  ...board.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: `panel "${title}"`, ...namesIn(expr) }))),
  ...variables,
  ...rules.map(({ alert, expr }) => ({ where: `alert ${alert}`, ...namesIn(expr) })),
];

let running: TestHost;
/** A scrape after traffic of every kind. */
let text: string;
beforeAll(async () => {
  running = await startHost({
    mcpServers: { near: upstream(), broken: { command: "./none" } },
    plugins: [bearer(), metrics({ principals: 10 }), cache({ tools: ["echo"] }), resilience()],
  });
  const headers = { authorization: "Bearer alice" };
  const gone = await WireClient.connect(running.url, { headers });
  await gone.ask({ method: "DELETE" });
  const client = await WireClient.connect(running.url, { headers });
  for (let i = 0; i < 2; i++) await client.call("echo", { same: true });
  await client.request("tools/call", { name: "isError", arguments: {} });
  await client.request("tools/call", { name: "fail", arguments: {} });
  await client.request("prompts/get", { name: "plain" });
  text = await (await fetch(new URL("/metrics", running.url), { headers })).text();
});
afterAll(() => running[Symbol.asyncDispose]());

const samples = (): Map<string, Set<string>> => {
  const found = new Map<string, Set<string>>();
  for (const line of text.split("\n")) {
    const [, name, labels = ""] = /^([a-z]\w*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const known = found.get(name) ?? new Set(["instance", "job"]); // Prometheus adds these to what it scrapes
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label ?? "");
    found.set(name, known);
  }
  return found;
};

test("names are found in expressions", () => {
  expect(namesIn('sum by (le, a) (rate(x_bucket{b=~"y_total|$v", c!=""}[5m])) / on (d) time() > 1.5e9 and absent(z)')).toEqual({
    metrics: ["x_bucket", "z"],
    labels: ["b", "c", "le", "a", "d"],
  });
  expect(uses.length).toBeGreaterThan(40);
  expect(variables).toHaveLength(2);
});

test("every metric that the dashboard and the alerts name is scraped, and has the labels that they name", () => {
  const scraped = samples();
  const wrong = uses.flatMap(({ where, metrics: named, labels }) => {
    const known = new Set(named.flatMap((name) => [...(scraped.get(name) ?? [])]));
    return [
      ...named.filter((name) => !scraped.has(name)).map((name) => `${where} names the metric ${name}`),
      ...labels.filter((label) => !known.has(label)).map((label) => `${where} names the label ${label}`),
    ];
  });
  expect(wrong).toEqual([]);
});

test("every family of the host's own has values after such traffic", () => {
  const scraped = [...samples().keys()];
  const empty = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    .filter(([, name, kind]) => !scraped.includes(kind === "histogram" ? `${name}_bucket` : (name ?? "")))
    .map(([, name]) => name)
    .filter((name) => !/^mcp_host_(cache|breaker|retry|bulkhead|fallback)_/.test(name ?? "")); // what other plugins count need not have happened
  expect(empty).toEqual([]);
});

test("panels have ids of their own and do not overlap", () => {
  const { panels } = board;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
});

test("every alert says how bad it is and what has happened", () => {
  for (const { alert, labels, annotations } of rules) {
    expect(labels.severity, alert).toMatch(/^(critical|warning|info)$/);
    expect(annotations.summary, alert).toMatch(/.{20}/);
  }
});

test("the package ships both", () => {
  expect((JSON.parse(read("package.json")) as { files: string[] }).files).toEqual(expect.arrayContaining(["dashboards", "alerts"]));
});

const isInstalled = spawnSync("promtool", ["--version"]).status === 0;
const reason = isInstalled ? "" : " (not checked: promtool is not installed; it is in Debian's package prometheus)";

// Where it is missing its tests fail in CI, and tell by their name what they did not check elsewhere.
describe.skipIf(!isInstalled && process.env.CI !== "true")(`promtool${reason}`, () => {
  const promtool = (args: string[], input = ""): string => {
    const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: join(PACKAGE, "alerts"), input, encoding: "utf8" });
    expect(status, isInstalled ? `${stdout}${stderr}` : `promtool is not installed${reason}`).toBe(0);
    return stdout;
  };

  test("takes what is scraped, and has nothing to say against its names", () => {
    expect(promtool(["check", "metrics"], text)).toBe("");
  });

  test("takes the alerts", () => {
    expect(promtool(["check", "rules", "rules.yml"])).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  test("fires each alert where it should, and none where all is well", () => {
    promtool(["test", "rules", "rules.test.yml"]);
    for (const { alert } of rules) expect(read("alerts/rules.test.yml"), alert).toContain(alert);
  });
});
