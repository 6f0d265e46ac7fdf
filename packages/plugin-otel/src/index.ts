import { readFileSync } from "node:fs";
import { definePlugin, type Json, registerSecret } from "mcp-host";
import { tapCalls } from "./calls.ts";
import { destinationsOf } from "./destinations.ts";
import { examined } from "./examine.ts";
import { Figures } from "./figures.ts";
import { lineOf } from "./log-lines.ts";
import { options } from "./options.ts";
import { Sampler } from "./sampling.ts";
import { secretsOf } from "./secrets.ts";
import { Sending } from "./sending.ts";
import { TracedExchanges } from "./traced.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

export type { OtelOptions } from "./options.ts";

/** Tells collectors of OpenTelemetry what the host does: traces, metrics and logs over OTLP. */
export const otel = definePlugin({
  name: "otel",
  version,
  host: "^1.0.0",
  enforce: "post", // the innermost of `call`, so that each attempt of a plugin that tries again has a span
  options,
  examine: examined,
  apply(host, given) {
    const places = destinationsOf(given);
    if (Object.keys(places).length === 0) {
      host.hooks.ready.tap("otel", () => host.log.debug("nothing is told to a collector: there is no endpoint"));
      host.operator.report(() => ({ off: "no endpoint" }));
      return;
    }
    const { out } = given.context;
    if (Array.isArray(out)) host.reload.expectUpstreams(...out.map((key, index) => ({ place: `options.context.out[${index}]`, key })));
    const forget = secretsOf(given.headers).map(registerSecret);
    const figures = given.metrics && places.metrics !== undefined ? new Figures(given.metrics) : undefined;
    const sending = new Sending(host, given, places, figures, version);
    const { spans, lines } = sending;
    const tell = host.isBrief || !spans ? () => {} : spans.add;
    const traced =
      spans && given.traces
        ? new TracedExchanges({ id: host.id, settings: given.traces, context: given.context, sampler: new Sampler(given.traces), tell })
        : undefined;
    tapCalls(host, given, traced, figures);
    if (figures) host.hooks.session.tap("otel", (event) => figures.session(event));
    if (lines && given.logs && !host.isBrief) host.log.listen((line) => lines.add(lineOf(line, traced?.traceOf)), given.logs.level);
    // A host for one command says nothing: one of the same config may run beside it.
    host.hooks.ready.tap("otel", () => {
      if (!host.isBrief) sending.start();
    });
    host.hooks.close.tap("otel", async () => {
      if (!host.isBrief) await sending.close();
      for (const each of forget) each();
    });
    host.operator.report(() => ({ ...sending.report(), ...(figures && { series: figures.series }) }) as Json);
  },
});

export default otel;
