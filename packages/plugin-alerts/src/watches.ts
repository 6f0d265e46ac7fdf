import type { PluginHost } from "mcp-host";
import { certificate } from "./certificates.ts";
import { disk } from "./disk.ts";
import { breakerOpen, quota } from "./figures.ts";
import { type Kinds, PluginWatch, type Watch, type WatchContext } from "./kind.ts";
import type { Rule } from "./rules.ts";
import { allServersDown, type Standing, serverDown, serverFlapping } from "./servers.ts";
import { traffic } from "./traffic.ts";

/** What the eyes of all rules have in common. */
export interface Sight extends WatchContext {
  readonly host: PluginHost;
  readonly kinds: Kinds;
  readonly glance: () => Standing;
}

/** The eye of a rule. */
export function watchOf(rule: Rule, { host, kinds, glance, look }: Sight): Watch {
  switch (rule.kind) {
    case "server-down":
      return serverDown(glance, rule);
    case "server-flapping":
      return serverFlapping(glance, host.clock, rule);
    case "all-servers-down":
      return allServersDown(glance);
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
      return certificate(host, rule, { look });
    case "plugin":
      return new PluginWatch(kinds, rule, { look });
  }
}
