import { readFileSync } from "node:fs";
import { ConfigError, definePlugin, type Json, type PluginHost, refuse, registerSecret } from "mcp-host";
import type { z } from "zod";
import { Hook } from "./hook.ts";
import { namedUpstreams } from "./matching.ts";
import { type HookOptions, options, type Stage } from "./options.ts";
import { makeInstruments, Tally } from "./tally.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type WebhooksOptions = z.input<typeof options>;

/** Has requests and results checked and changed over HTTP, by programs in any language. */
export const webhooks = definePlugin({
  name: "webhooks",
  version,
  host: "^1.0.0",
  security: true,
  options,
  apply(host, given) {
    checkTimeouts(host, given.hooks);
    host.reload.expectUpstreams(...namedUpstreams(given.hooks));
    const forget = given.hooks.flatMap(secretsOf).map(registerSecret);
    const instruments = makeInstruments(host.meter, () => made);
    const made: readonly Hook[] = given.hooks.map((hook) => new Hook(hook, host, new Tally(hook, instruments)));

    // A tap for each, so that each has the time of a tap, and the trace tells them apart.
    for (const hook of made) tapped(hook, host.hooks);

    host.hooks.close.tap("webhooks", async () => {
      const why = refuse("shutting_down", "the host is stopping, or its plugins change");
      await Promise.all(made.map((hook) => hook.close(why)));
      for (const each of forget) each();
    });
    host.operator.report((): Json => {
      const entries = host.catalog.entries();
      return {
        hooks: made.map(({ options: { name, at, mode }, scope: { fits }, tally, isOpen }) => ({
          name,
          at,
          mode,
          // None is what a misspelt name makes of it.
          ...(fits && { entries: entries.filter(fits).length }),
          circuit: isOpen ? "open" : "closed",
          ...tally.report(),
        })),
      };
    });
  },
});

const STAGES: Readonly<Record<Stage, (hook: Hook, hooks: PluginHost["hooks"]) => void>> = {
  permit(hook, { authorize }) {
    authorize
      .for("*")
      .tap("webhooks", (exchange) =>
        hook.scope.concerns(exchange) ? hook.judge(exchange, { params: exchange.params }).then(() => undefined) : undefined,
      );
  },
  transform(hook, { transform }) {
    transform.for("*").tap("webhooks", (params, exchange) => {
      if (!hook.scope.concerns(exchange)) return params;
      return hook.judge(exchange, { params }).then((changed) => (changed ? over(params, changed) : params));
    });
  },
  respond(hook, { respond }) {
    respond.for("*").tap("webhooks", (result, exchange) => {
      // The handle of a task is no result; that comes with tasks/result.
      if (!hook.scope.concerns(exchange) || exchange.resultKind === "task") return result;
      return hook.judge(exchange, { params: exchange.params, result }).then((changed) => (changed ? over(result, changed) : result));
    });
  },
};

function tapped(hook: Hook, hooks: PluginHost["hooks"]): void {
  STAGES[hook.options.at](hook, hooks);
}

/** What a hook changed, with what it was not shown. */
function over<T extends Readonly<Json>>(before: T, changed: Json): T {
  return (before._meta === undefined ? changed : { ...changed, _meta: before._meta }) as T; // no field that T knows by name may change
}

/** A tap that takes longer is a failure of the plugin's, and no more one of the hook's. @throws ConfigError */
function checkTimeouts({ id, tapTimeout }: PluginHost, hooks: readonly HookOptions[]): void {
  const problems = hooks.flatMap(({ timeout, mode }, index) =>
    mode === "enforce" && timeout >= tapTimeout
      ? [
          `plugin "${id}": options.hooks[${index}].timeout: is ${timeout} ms, and a plugin has ${tapTimeout} ms; make it shorter, or give the plugin's entry a longer "timeout"`,
        ]
      : [],
  );
  if (problems.length > 0) throw new ConfigError(problems);
}

/** What must not turn up in the log: the secrets, and what is sent as credentials. */
function secretsOf({ secret, headers }: HookOptions): string[] {
  const credentials = Object.entries(headers).flatMap(([name, value]) =>
    /authorization|token|secret|key|cookie/i.test(name) ? [value, value.replace(/^\w+\s+/, "")] : [],
  );
  return [...[secret ?? []].flat(), ...credentials];
}

export default webhooks;
