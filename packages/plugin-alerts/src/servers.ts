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

/** How the servers of the config stand: what plugins offer cannot be down. */
export interface Standing {
  readonly servers: readonly UpstreamStatus[];
  /** Whether the host has run for too short a time to know its servers. */
  readonly isYoung: boolean;
}

/** Looks how servers stand, once for all rules that look at the same time: a status tells much more. */
export function glanceOf({ operator }: Pick<PluginHost, "operator">): () => Standing {
  let seen: Standing | undefined;
  return () => {
    if (seen) return seen;
    const { upstreams, uptime } = operator.status();
    seen = { servers: upstreams.filter(({ wire }) => wire !== "plugin"), isYoung: uptime < SETTLING };
    setImmediate(() => {
      seen = undefined;
    });
    return seen;
  };
}

export function serverDown(glance: () => Standing, { servers }: RuleOf<"server-down">): Watch {
  const isMeant = serverTest(servers);
  return {
    read() {
      const { servers: all, isYoung } = glance();
      const conditions = all
        .filter(({ name }) => isMeant(name))
        .map((server): Condition => {
          const why = server.reason === undefined ? server.state : `${server.state}, ${server.reason}`;
          return {
            subject: server.name,
            is: standing(server, isYoung),
            summary: plain(`server "${server.name}" is down: ${why}`),
            labels: { server: server.name },
          };
        });
      return { conditions };
    },
  };
}

export function allServersDown(glance: () => Standing): Watch {
  return {
    read(): Reading {
      const { servers, isYoung } = glance();
      const all = servers.map((server) => standing(server, isYoung));
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
  glance: () => Standing,
  { monotonic }: Pick<PluginHost["clock"], "monotonic">,
  { servers, losses, within }: RuleOf<"server-flapping">,
): Watch {
  const isMeant = serverTest(servers);
  const began = monotonic();
  const seen = new Map<string, { restarts: number; at: number[] }>();
  return {
    read(): Reading {
      const now = monotonic();
      const all = glance().servers.filter(({ name }) => isMeant(name));
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
