import type { PluginHost } from "mcp-host";
import { certificate } from "./certificates.ts";
import { disk } from "./disk.ts";
import { breakerOpen, quota } from "./figures.ts";
import { type Kinds, PluginWatch, type Watch, type WatchContext } from "./kind.ts";
import type { Rule } from "./rules.ts";
import { allServersDown, serverDown, serverFlapping } from "./servers.ts";
import { traffic } from "./traffic.ts";

/** The eye of a rule. */
export function watchOf(host: PluginHost, rule: Rule, kinds: Kinds, context: WatchContext): Watch {
  switch (rule.kind) {
    case "server-down":
      return serverDown(host, rule);
    case "server-flapping":
      return serverFlapping(host, rule);
    case "all-servers-down":
      return allServersDown(host);
    case "breaker-open":
      return breakerOpen(host, rule);
    case "error-ratio":
    case "latency":
      return traffic(host, rule);
    case "quota":
      return quota(host, rule);
    case "disk":
      return disk(host, rule);
    case "certificate":
      return certificate(host, rule);
    case "plugin":
      return new PluginWatch(kinds, rule, context);
  }
}
