import type { PluginFinding } from "mcp-host";
import { Collector } from "./collector.ts";
import { destinationsOf } from "./destinations.ts";
import type { Options } from "./options.ts";

/** Milliseconds that a collector has: `mcp-host doctor` has ten seconds for all. */
const PATIENCE = 5_000;
/** A request that tells nothing: in protobuf it has no bytes. */
const NOTHING = new Uint8Array();

/** Whether the collectors take what they are sent. */
export async function examined(options: Options): Promise<readonly PluginFinding[]> {
  const places = Object.entries(destinationsOf(options));
  if (places.length === 0) return [{ level: "ok", found: "off, for there is no endpoint" }];
  return Promise.all(
    places.map(([signal, url]) => asked(signal, new Collector(url, { ...options, timeout: Math.min(options.timeout, PATIENCE) }))),
  );
}

async function asked(signal: string, collector: Collector): Promise<PluginFinding> {
  try {
    const delivery = await collector.deliver(NOTHING, new AbortController().signal);
    if (delivery.did === "taken") return { level: "ok", found: `the collector takes ${signal}` };
    return {
      level: "warning",
      found: `the collector does not take ${signal}: ${delivery.why}`,
      remedy: `start it, or look at "endpoint", "headers" and "${signal}.url"; what it does not take the host drops`,
    };
  } finally {
    await collector.close();
  }
}
