import { type MetricsOptions, metrics } from "@host/plugin-metrics";
import { createHost } from "mcp-host";
import { expect, test } from "vitest";

/** What a host with these options says of them before it listens. */
async function problemsOf(options: unknown): Promise<string> {
  // A config file can say what the types forbid.
  const plugins = [metrics(options as MetricsOptions)];
  await using host = createHost({ listen: { port: 0 }, mcpServers: {}, plugins });
  return host.prepare().then(
    () => "",
    (error: Error) => error.message,
  );
}

test.each([
  [{ pth: "/metrics" }, 'no such option (did you mean "path"?)'],
  [{ path: "metrics" }, 'options.path: must be a path, such as "/metrics"'],
  [{ path: "/metrics/:id" }, "options.path: must be a path"],
  [{ statsPath: "/" }, "options.statsPath: must be a path"],
  [{ path: "/stats" }, "options.statsPath: is `path` already"],
  [{ path: "/mcp" }, 'options.path: "/mcp" is a path of the host\'s; choose another'],
  [{ statsPath: "/readyz" }, 'options.statsPath: "/readyz" is a path of the host\'s'],
  [{ token: "short" }, "options.token: must be at least 16"],
  [{ token: "0123456789abcdef", open: true }, "options.open: says the contrary of `token`"],
  [{ maxSeries: 9 }, "options.maxSeries"],
  [{ principals: -1 }, "options.principals"],
])("%j is refused", async (options, message) => {
  expect(await problemsOf(options)).toContain(message);
});

test("a host that listens nowhere takes it too", async () => {
  await using host = createHost({ mcpServers: {}, plugins: [metrics()] });
  await host.start();
  expect(host.reports()).toEqual({ metrics: { path: "/metrics", statsPath: "/stats", series: 0, maxSeries: 1_000 } });
});

test("two copies have paths of their own", async () => {
  const plugins = [metrics(), { use: metrics({ path: "/m", statsPath: "/s" }), id: "second" }];
  await using host = createHost({ listen: { port: 0 }, mcpServers: {}, plugins });
  await host.start();
  for (const path of ["/metrics", "/stats", "/m", "/s"]) expect((await fetch(new URL(path, host.url))).status, path).toBe(200);
});
