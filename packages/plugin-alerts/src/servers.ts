import { type ExpectedUpstream, globParts, matcher, type PluginHost, type UpstreamStatus } from "mcp-host";
import type { Condition, Reading, Watch } from "./kind.ts";
import type { Rule, RuleOf } from "./rules.ts";
import { plain, timeOf } from "./words.ts";

/** Milliseconds in which a host that starts may not know yet how its servers are: what was told before it is not over by that. */
export const SETTLING = 60_000;

/** Whether a server is meant: its key as the entry of that name, so that the globs are those of everywhere. */
export function serverTest(globs: readonly string[]): (key: string) => boolean {
  const isMeant = matcher(globs);
  return (key) => isMeant({ name: key, upstream: key, native: key });
}

/** What stands for several names in a glob. */
const WILDCARD = /[^A-Za-z0-9_.-]/;

/** The upstreams that rules name: a rule about none sees nothing. What has wildcards may be about servers to come. */
export function namedUpstreams(rules: readonly Rule[]): ExpectedUpstream[] {
  return rules.flatMap((rule, index) => {
    const place = `options.rules[${index}]`;
    const servers = "servers" in rule ? rule.servers.map((key, at) => ({ place: `${place}.servers[${at}]`, key })) : [];
    const tools = ("tools" in rule ? (rule.tools ?? []) : []).flatMap((glob, at) => {
      const parts = globParts(glob);
      return parts ? [{ place: `${place}.tools[${at}]`, key: parts.upstream }] : [];
    });
    return [...servers, ...tools].filter(({ key }) => !WILDCARD.test(key));
  });
}

const DOWN: ReadonlySet<string> = new Set(["failed", "backing off", "needs sign-in", "unconfigured"]);

/** What a server that was never tried, or is being tried for the first time, is. */
function standing({ state, reason, connections }: UpstreamStatus, isSettling: boolean): Condition["is"] {
  if (DOWN.has(state)) return "bad";
  // That the host stops says nothing of the server.
  if (state === "draining" || state === "stopped") return "unknown";
  // While it is tried again, it says why the last try failed.
  if (state === "connecting") return reason === undefined ? "unknown" : "bad";
  return isSettling && state === "idle" && connections.length === 0 ? "unknown" : "good";
}

/** The servers of the config: what plugins offer cannot be down. */
const serversOf = (host: Pick<PluginHost, "operator">): UpstreamStatus[] =>
  host.operator.status().upstreams.filter(({ wire }) => wire !== "plugin");

/** Whether the host has run for too short a time to know its servers. */
const isYoung = (host: Pick<PluginHost, "operator">): boolean => host.operator.status().uptime < SETTLING;

export function serverDown(host: Pick<PluginHost, "operator">, { servers }: RuleOf<"server-down">): Watch {
  const isMeant = serverTest(servers);
  return {
    read() {
      const young = isYoung(host);
      const conditions = serversOf(host)
        .filter(({ name }) => isMeant(name))
        .map((server): Condition => {
          const why = server.reason === undefined ? server.state : `${server.state}, ${server.reason}`;
          return {
            subject: server.name,
            is: standing(server, young),
            summary: plain(`server "${server.name}" is down: ${why}`),
            labels: { server: server.name },
          };
        });
      return { conditions };
    },
  };
}

export function allServersDown(host: Pick<PluginHost, "operator">): Watch {
  return {
    read(): Reading {
      const young = isYoung(host);
      const all = serversOf(host).map((server) => standing(server, young));
      const is = all.length === 0 || all.includes("good") ? "good" : all.includes("unknown") ? "unknown" : "bad";
      const summary = all.length === 1 ? "the only server is down" : `all ${all.length} servers are down`;
      return { conditions: [{ subject: "all", is, summary }] };
    },
  };
}

/** Losses that are remembered of one server. */
const REMEMBERED = 1_000;

/** Counts lost connections, as the host counts them: those of sessions that ended included. */
export function serverFlapping(
  host: Pick<PluginHost, "operator" | "clock">,
  { servers, losses, within }: RuleOf<"server-flapping">,
): Watch {
  const isMeant = serverTest(servers);
  const began = host.clock.monotonic();
  const seen = new Map<string, { restarts: number; at: number[] }>();
  return {
    read(): Reading {
      const now = host.clock.monotonic();
      const all = serversOf(host).filter(({ name }) => isMeant(name));
      const keys = new Set(all.map(({ name }) => name));
      for (const key of seen.keys()) if (!keys.has(key)) seen.delete(key);
      const conditions = all.map(({ name, restarts }): Condition => {
        let server = seen.get(name);
        if (!server) seen.set(name, (server = { restarts, at: [] }));
        // One that was replaced begins to count anew.
        const more = restarts < server.restarts ? restarts : restarts - server.restarts;
        server.restarts = restarts;
        for (let i = 0; i < Math.min(more, REMEMBERED); i++) server.at.push(now);
        server.at = server.at.filter((at) => at > now - within).slice(-REMEMBERED);
        const count = server.at.length;
        return {
          subject: name,
          // What was counted before a restart or a reload is not known any more.
          is: count >= losses ? "bad" : now - began < within ? "unknown" : "good",
          summary: `server "${name}" was lost ${count} times within ${timeOf(within)}`,
          labels: { server: name },
        };
      });
      return { conditions };
    },
  };
}
