import { matcher, type PluginHost, type Reading as Value } from "mcp-host";
import type { Condition, Reading, Watch } from "./kind.ts";
import type { RuleOf } from "./rules.ts";
import { SETTLING, serverTest } from "./servers.ts";
import { percentOf, plain } from "./words.ts";

/** Values of an instrument that plugins make; undefined where none does. */
function valuesOf(host: Pick<PluginHost, "meter">, name: string): readonly Value[] | undefined {
  const found = host.meter.instruments().filter((instrument) => instrument.name === name);
  return found.length === 0 ? undefined : found.flatMap((instrument) => instrument.readings());
}

/** What an instrument of another plugin measures, each of its values by its one label. */
function measured(
  host: Pick<PluginHost, "meter">,
  name: string,
  plugin: string,
  judge: (label: string, value: number) => Condition | undefined,
): Watch {
  let blind: string | undefined;
  return {
    get blind() {
      return blind;
    },
    read(): Reading {
      const values = valuesOf(host, name);
      blind = values ? undefined : `no plugin measures it; ${plugin} does`;
      const conditions = (values ?? []).flatMap(({ labels: [label = ""], value }) => judge(label, value) ?? []);
      return { conditions };
    },
  };
}

export function breakerOpen(host: Pick<PluginHost, "meter">, { servers }: RuleOf<"breaker-open">): Watch {
  const isMeant = serverTest(servers);
  return measured(host, "breaker.state", "@host/plugin-resilience", (server, value) =>
    isMeant(server)
      ? {
          subject: server,
          // Half-open is being tried: it opens again, or closes.
          is: value > 0 ? "bad" : "good",
          summary: `the circuit breaker of server "${server}" is open: it failed too often and is left alone`,
          labels: { server },
        }
      : undefined,
  );
}

export function quota(host: Pick<PluginHost, "meter" | "clock">, { limits, above }: RuleOf<"quota">): Watch {
  const isMeant = matcher(limits);
  const began = host.clock.monotonic();
  /** Limits of which something was used while this watch was there. */
  const seen = new Set<string>();
  return measured(host, "rate_limit.used", "@host/plugin-rate-limit", (limit, value) => {
    if (!isMeant({ name: limit, upstream: limit, native: limit })) return undefined;
    if (value > 0) seen.add(limit); // as many as there are rules
    // Who uses how much is known again with the next request after a start.
    const isNew = !seen.has(limit) && host.clock.monotonic() - began < SETTLING;
    return {
      subject: limit,
      is: value > above ? "bad" : isNew ? "unknown" : "good",
      summary: plain(`${percentOf(value)} of what the limit "${limit}" lets through is used up; \`mcp-host rate-limit show\` says by whom`),
      labels: { limit },
    };
  });
}
