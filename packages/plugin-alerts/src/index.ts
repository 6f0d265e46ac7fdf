import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { ConfigError, definePlugin, type PluginHost, registerSecret } from "mcp-host";
import type { z } from "zod";
import { digest } from "./alerts.ts";
import { Engine, type Watched } from "./engine.ts";
import { ALERTS, Kinds, PluginWatch } from "./kind.ts";
import { operate } from "./operate.ts";
import { options, type ReceiverOptions } from "./options.ts";
import { Receiver } from "./receiver.ts";
import { factsOf } from "./rules.ts";
import { glanceOf, namedUpstreams } from "./servers.ts";
import { type Instruments, makeInstruments } from "./tally.ts";
import type { TrafficWatch } from "./traffic.ts";
import { type Sight, watchOf } from "./watches.ts";

export { ALERTS, type Alerts, type Condition, type Kind, type Reading, type Watch, type WatchContext } from "./kind.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type AlertsOptions = z.input<typeof options>;

/** Tells people over webhooks what is wrong with the host and its servers, and when it is over. */
export const alerts = definePlugin({
  name: "alerts",
  version,
  host: "^1.0.0",
  // Behind the plugins that bring kinds of alerts, so that a rule that names none of them is noticed.
  enforce: "post",
  options,
  commands: {
    list: () => import("./commands/list.ts"),
    test: () => import("./commands/test.ts"),
  },
  apply(host, given) {
    host.reload.expectUpstreams(...namedUpstreams(given.rules));
    const secrets = given.receivers.flatMap(secretsOf).map(registerSecret);
    const instance = given.instance ?? ownName(host);
    // Copies of the plugin have the kinds of other plugins in common.
    const shared = host.find(ALERTS);
    const kinds = shared instanceof Kinds ? shared : new Kinds();
    if (!shared) host.provide(ALERTS, kinds);

    const look = (): void => engine.look();
    const sight: Sight = { host, kinds, glance: glanceOf(host), look };
    const rules: readonly Watched[] = given.rules.map((rule) => ({
      facts: factsOf(rule, given.group.repeat),
      watch: watchOf(rule, sight),
    }));
    const instruments: Instruments = makeInstruments(
      host.meter,
      () => engine.alerts,
      () => receivers,
    );
    const receivers = given.receivers.map((receiver) => new Receiver(receiver, instance, host, instruments));
    // Two configs of one machine are not one host, unless they say so.
    const keptAs = given.instance ?? `${instance} ${digest(host.folder)}`;
    const engine = new Engine({ host, options: given, instance, keptAs, rules, receivers, instruments: () => instruments });

    const heard = rules.flatMap(({ watch }) => ("settled" in watch ? [watch as TrafficWatch] : [])); // those are the only ones that have it
    if (heard.length > 0)
      host.hooks.settled.tap("alerts", (exchange) => {
        for (const watch of heard) watch.settled(exchange);
      });
    host.hooks.upstream.tap("alerts", look);
    host.hooks.ready.tap("alerts", () => {
      const problems = rules.flatMap(({ watch }, index) =>
        watch instanceof PluginWatch ? watch.problems().map((problem) => `plugin "${host.id}": options.rules[${index}]${problem}`) : [],
      );
      if (problems.length > 0) throw new ConfigError(problems);
      // One that is there for a single command has nobody to tell of anything.
      if (!host.isBrief) look();
    });
    host.hooks.close.tap("alerts", async () => {
      await engine.close();
      for (const forget of secrets) forget();
    });
    operate(host, { instance, engine, rules, receivers });
  },
});

/** What a host is called that nobody named. */
function ownName({ config: { listen } }: Pick<PluginHost, "config">): string {
  return listen && listen.port !== 0 ? `${hostname()}:${listen.port}` : hostname();
}

/** What must not turn up in the log; in the address of Slack is a secret, too. */
function secretsOf({ secret, headers, routingKey, url, template }: ReceiverOptions): string[] {
  const credentials = Object.entries(headers).flatMap(([name, value]) =>
    /authorization|token|secret|key|cookie/i.test(name) ? [value, value.replace(/^\w+\s+/, "")] : [],
  );
  return [
    ...[secret ?? []].flat(),
    ...(routingKey === undefined ? [] : [routingKey]),
    ...(template === "slack" ? [url] : []),
    ...credentials,
  ];
}

export default alerts;
