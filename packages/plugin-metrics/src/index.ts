import { readFileSync } from "node:fs";
import { ConfigError, definePlugin, registerSecret } from "mcp-host";
import { z } from "zod";
import { accessOf } from "./access.ts";
import { Exposition } from "./exposition.ts";
import { type Figures, type Moment, publishHost } from "./families.ts";
import { PublishedInstruments } from "./instruments.ts";
import { Requests } from "./requests.ts";
import { Runtime } from "./runtime.ts";
import { Sessions } from "./sessions.ts";
import { statsOf } from "./stats.ts";
import { Upstreams } from "./upstreams.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

const route = z.string().regex(/^(\/[A-Za-z0-9_.-]+)+$/, 'must be a path, such as "/metrics"');

const options = z
  .strictObject({
    path: route.default("/metrics").describe("Where Prometheus scrapes, on the host's own address."),
    statsPath: route.default("/stats").describe("Where the same figures are JSON."),
    token: z
      .string()
      .regex(/^[\w.~+/-]{16,}=*$/, "must be at least 16 of A-Z a-z 0-9 - . _ ~ + /")
      .optional()
      .describe(
        'Who reads must send it, and need not be a client: `Authorization: Bearer <token>`. Write "${METRICS_TOKEN}" and not the token itself.',
      ),
    open: z
      .boolean()
      .default(false)
      .describe("Everybody who reaches the host may read. Without this and without `token`: who may use the MCP endpoint."),
    maxSeries: z
      .int()
      .min(10)
      .max(100_000)
      .default(1_000)
      .describe("Sets of method, upstream, tool or prompt, and error that are told apart; later ones are counted with the name `other`."),
    principals: z
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe("Principals whose requests are counted apart, by their ids; later ones are `other`. 0: none, so that no id is shown."),
  })
  .refine(({ token, open }) => token === undefined || !open, {
    path: ["open"],
    message: "says the contrary of `token`; leave one of them out",
  })
  .refine(({ path, statsPath }) => path !== statsPath, { path: ["statsPath"], message: "is `path` already; choose another" });

/** What a config may say of the plugin. */
export type MetricsOptions = z.input<typeof options>;

/** Publishes what the host and its plugins count: for Prometheus at `/metrics`, as JSON at `/stats`. */
export const metrics = definePlugin({
  name: "metrics",
  version,
  host: "^1.0.0",
  options,
  apply(host, { path, statsPath, token, open, maxSeries, principals }) {
    const { listen } = host.config;
    const taken = [path, statsPath].find((each) => each === listen?.path || each === "/healthz" || each === "/readyz");
    if (taken !== undefined)
      throw new ConfigError([
        `plugin "metrics": options.${taken === path ? "path" : "statsPath"}: "${taken}" is a path of the host's; choose another`,
      ]);
    if (token !== undefined) registerSecret(token);
    const allows = accessOf(token);

    const requests = new Requests(maxSeries, principals);
    const sessions = new Sessions();
    const upstreams = new Upstreams();
    const runtime = new Runtime();
    const exposition = new Exposition(host.log);
    const instruments = new PublishedInstruments(exposition, host.log);
    // A scrape reads the status a dozen times, and it must be one status.
    let moment: Moment;
    const look = (isScrape: boolean): void => {
      moment = { status: host.operator.status(), lag: runtime.lag(isScrape) };
    };
    const figures: Figures = { requests, sessions, upstreams, runtime, now: () => moment };
    publishHost(exposition, figures);

    host.hooks.session.tap("metrics", (event) => sessions.changed(event));
    host.hooks.upstream.tap("metrics", (event) => {
      upstreams.changed(event);
      // What is removed and still configured was replaced, and goes on counting under its key.
      if (event.state === "removed" && !host.upstreams.some(({ key }) => key === event.key)) upstreams.forget(event.key);
    });
    host.hooks.settled.tap("metrics", (exchange) => requests.settled(exchange));
    host.hooks.http.tap("metrics", (app, publicApp) => {
      // A scraper that has the token need not be a client.
      const routes = token === undefined && !open ? app : publicApp;
      const refused = { "www-authenticate": "Bearer" };
      routes.get(path, async (context) => {
        if (!allows(context.req.header("authorization"))) return context.text("the metrics need a token\n", 401, refused);
        look(true);
        instruments.look(host.meter.instruments());
        return context.body(await exposition.text(), 200, { "content-type": exposition.contentType });
      });
      routes.get(statsPath, (context) => {
        if (!allows(context.req.header("authorization"))) return context.json({ error: "the metrics need a token" }, 401, refused);
        look(false);
        return context.json(statsOf(figures, host.meter.instruments()));
      });
    });
    host.hooks.ready.tap("metrics", () => {
      runtime.start();
      instruments.look(host.meter.instruments());
    });
    host.hooks.close.tap("metrics", () => runtime.stop());
    host.operator.report(() => ({ path, statsPath, series: requests.series, maxSeries }));
  },
});

export default metrics;
