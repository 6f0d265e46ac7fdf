import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { ROOT, temporary } from "../harness/hosts.ts";
import { instructionsOf, wordsOf } from "./dockerfile.ts";

const DEPLOY = join(ROOT, "deploy");
const read = (file: string): string => readFileSync(join(DEPLOY, file), "utf8");

interface Service {
  readonly image: string;
  readonly build?: { context: string; dockerfile: string; args: Record<string, string> };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly secrets?: readonly (string | { source: string; target: string })[];
  readonly networks: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: { test: readonly string[] };
  readonly deploy: { resources: { limits: Record<string, string | number> } };
  readonly [key: string]: unknown;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets: Readonly<Record<string, { file: string }>>;
  readonly networks: Readonly<Record<string, object>>;
  readonly volumes: Readonly<Record<string, object>>;
}

const compose = parse(read("compose.yaml"), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const service = (name: string): Service => compose.services[name] ?? expect.fail(`there is no ${name}`);
const dockerfile = instructionsOf(read("Dockerfile"));
const wordsOfLast = (name: string): string[] => wordsOf(dockerfile.findLast((each) => each.name === name)?.rest.replace(/^CMD /, "") ?? "");

describe("compose.yaml", () => {
  test.each(services)("%s can do no more than it needs, and is bounded and watched", (name, each) => {
    expect(each).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"], init: true });
    expect(Object.keys(each.deploy.resources.limits).sort()).toEqual(["cpus", "memory", "pids"]);
    expect(each.logging).toMatchObject({ options: { "max-size": expect.any(String), "max-file": expect.any(String) } });
    // An image that is not ours has a version, so that tomorrow's is the same.
    if (!each.build) expect(each.image).toMatch(/:v?\d+\.\d+\.\d+(-\w+)?$/);
    if (name !== "mcp-host") expect(each.healthcheck?.test[0]).toBe("CMD");
    expect(each.cap_add ?? []).toEqual(name === "proxy" ? ["NET_BIND_SERVICE"] : []);
    expect(each.privileged ?? each.network_mode ?? each.pid).toBeUndefined();
  });

  test("names nothing that is not there", () => {
    for (const [name, { volumes, secrets = [], networks, depends_on = {}, build }] of services) {
      for (const volume of volumes) {
        const [from = ""] = volume.split(":");
        if (from.startsWith(".")) {
          // The folder of the files that the example serves is the operator's.
          if (from !== "./files") expect(existsSync(join(DEPLOY, from)), `${name}: ${from}`).toBe(true);
        } else expect(Object.keys(compose.volumes), name).toContain(from);
      }
      for (const secret of secrets)
        expect(Object.keys(compose.secrets), name).toContain(typeof secret === "string" ? secret : secret.source);
      for (const network of networks) expect(Object.keys(compose.networks), name).toContain(network);
      for (const [other, { condition }] of Object.entries(depends_on)) {
        expect(Object.keys(compose.services), name).toContain(other);
        expect(condition).toMatch(/^service_(healthy|started)$/);
      }
      if (build) expect(existsSync(join(DEPLOY, build.context, build.dockerfile))).toBe(true);
    }
    const used = (of: (each: Service) => readonly string[]): string[] => [...new Set(services.flatMap(([, each]) => of(each)))].sort();
    expect(used(({ networks }) => networks)).toEqual(Object.keys(compose.networks).sort());
    expect(used(({ secrets = [] }) => secrets.map((each) => (typeof each === "string" ? each : each.source)))).toEqual(
      Object.keys(compose.secrets).sort(),
    );
  });

  test("no secret is in it: they are files, which git and images leave out", () => {
    for (const { file } of Object.values(compose.secrets)) expect(file).toMatch(/^\.\/secrets\//);
    expect(readFileSync(join(ROOT, ".gitignore"), "utf8")).toContain("deploy/secrets/\n");
    const environment = services.flatMap(([, each]) => Object.keys(each.environment ?? {}));
    expect(environment.filter((name) => /TOKEN|PEPPER|PASSWORD|KEY/.test(name) && !name.endsWith("__FILE"))).toEqual([]);
  });

  test("the proxy alone can be reached from other machines, and the host by it", () => {
    const open = services.filter(([, { ports = [] }]) => ports.some((port) => !port.startsWith("127.0.0.1:")));
    expect(open.map(([name]) => name)).toEqual(["proxy"]);
    expect(service("proxy").networks.filter((each) => service("mcp-host").networks.includes(each))).toEqual(["edge"]);
  });

  test("the host is started as the image starts it, with the variables of the config", () => {
    const command = wordsOfLast("CMD");
    expect(service("mcp-host").command).toEqual([...command, "--env-file", "/run/secrets/mcp-host.env"]);
    expect(read("machine/mcp-host.config.jsonc")).toContain('"drain": "30s"');
    expect(service("mcp-host").stop_grace_period).toBe("50s");
    const examples = JSON.parse(readFileSync(join(ROOT, "examples/package.json"), "utf8")) as { dependencies: Record<string, string> };
    const name = "@modelcontextprotocol/server-filesystem";
    expect(service("mcp-host").build?.args.SERVERS).toBe(`${name}@${examples.dependencies[name]}`);
    expect(read("machine/mcp-host.config.jsonc")).toContain(name);
  });

  const hasCaddy = spawnSync("caddy", ["version"]).status === 0;
  test.skipIf(!hasCaddy)(`the proxy's file takes the names of compose.yaml${hasCaddy ? "" : " (skipped: caddy is not installed)"}`, () => {
    const { status, stdout, stderr } = spawnSync(
      "caddy",
      ["adapt", "--adapter", "caddyfile", "--config", join(DEPLOY, "proxies/Caddyfile")],
      {
        env: { ...process.env, PUBLIC_HOST: "tools.example.org", MCP_HOST: service("proxy").environment?.MCP_HOST ?? "" },
        encoding: "utf8",
      },
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('"dial":"mcp-host:3000"');
    expect(stdout).toContain("tools.example.org");
    expect(stdout).not.toContain("example.com");
  });
});

describe("what is watched", () => {
  interface Scraping {
    readonly scrape_configs: readonly { authorization: object; static_configs: readonly { targets: string[] }[] }[];
    readonly rule_files: readonly string[];
  }
  const inside = parse(read("prometheus/container.yml")) as Scraping;
  const outside = parse(read("prometheus/prometheus.yml")) as Scraping;
  const mounted = (name: string): Map<string, string> =>
    new Map(
      service(name)
        .volumes.map((volume) => volume.split(":") as [string, string])
        .map(([from, to]) => [to, from]),
    );

  test("in containers is what is watched on a machine, by the names that containers have", () => {
    expect(inside.scrape_configs.map(({ static_configs: _, ...rest }) => rest)).toEqual(
      outside.scrape_configs.map(({ static_configs: _, ...rest }) => rest),
    );
    expect(inside.scrape_configs[0]?.static_configs[0]?.targets).toEqual(["mcp-host:3000"]);
    expect(inside.rule_files).toHaveLength(outside.rule_files.length);
    for (const file of inside.rule_files) expect(existsSync(join(DEPLOY, mounted("prometheus").get(file) ?? "nowhere")), file).toBe(true);
    expect(service("prometheus").secrets).toEqual([{ source: "metrics-token", target: "/etc/prometheus/mcp-host-token" }]);
  });

  test("Grafana finds Prometheus, and the dashboard where it is mounted", () => {
    const [source] = (parse(read("grafana/datasources.yaml")) as { datasources: { url: string; type: string }[] }).datasources;
    expect(source).toMatchObject({ type: "prometheus", url: "http://prometheus:9090" });
    const [provider] = (parse(read("grafana/dashboards.yaml")) as { providers: { options: { path: string } }[] }).providers;
    const folder = provider?.options.path ?? "";
    const from = mounted("grafana").get(folder) ?? "nowhere";
    expect(JSON.parse(read(join(from, "grafana.json")))).toMatchObject({ uid: "mcp-host", panels: expect.any(Array) });
    expect(service("grafana").environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(`${folder}/grafana.json`);
  });

  const isInstalled = spawnSync("promtool", ["--version"]).status === 0;
  const reason = isInstalled ? "" : " (not checked: promtool is not installed; it is in Debian's package prometheus)";
  const promtool = (...args: string[]): void => {
    const { status, stdout, stderr } = spawnSync("promtool", args, { encoding: "utf8" });
    expect(status, isInstalled ? `${stdout}${stderr}` : `promtool is not installed${reason}`).toBe(0);
  };
  describe.skipIf(!isInstalled && process.env.CI !== "true")(`promtool${reason}`, () => {
    test("takes the config of the container", () => {
      let text = read("prometheus/container.yml").replace("/etc/prometheus/mcp-host-token", join(DEPLOY, "prometheus/alerts.yml"));
      for (const file of inside.rule_files) text = text.replace(file, join(DEPLOY, mounted("prometheus").get(file) ?? ""));
      using folder = temporary({ "prometheus.yml": text });
      promtool("check", "config", join(folder.path, "prometheus.yml"));
    });

    // That the metrics exist, with these labels, is seen in the package's own tests.
    test("takes every expression of the dashboard", () => {
      const board = JSON.parse(readFileSync(join(ROOT, "packages/plugin-metrics/dashboards/grafana.json"), "utf8")) as {
        panels: { targets?: { expr: string }[] }[];
      };
      const expressions = board.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
      expect(expressions.length).toBeGreaterThan(20);
      const rules = expressions.map((expr, index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$__range", "1h").replaceAll(/\$\w+/g, ".*"),
      }));
      using folder = temporary({ "rules.yml": JSON.stringify({ groups: [{ name: "panels", rules }] }) });
      promtool("check", "rules", join(folder.path, "rules.yml"));
    });
  });
});
