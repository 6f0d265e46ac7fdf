import { isDeepStrictEqual } from "node:util";
import type { ResolvedConfig } from "../config/schema.ts";
import { ConfigError, HostError } from "../errors.ts";
import { isLoadedAlike } from "../plugin/load.ts";
import type { AppliedPlugin, PluginSet } from "../plugin/plugin-set.ts";
import { shareLevel } from "../session/answers.ts";
import type { Requesters } from "../session/requesters.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { withDeadline } from "../wire/deadline.ts";
import type { Assembly } from "./assembly.ts";

/** What a reload did, by the keys of upstreams and the ids of plugins. */
export interface ReloadReport {
  readonly upstreams: Changes;
  readonly plugins: Changes;
}

export interface Changes {
  readonly added: readonly string[];
  /** Those that were there with other settings, or that are other code. A changed upstream is connected anew, a changed plugin applied anew. */
  readonly changed: readonly string[];
  /** Those that did not change and are connected or applied anew all the same, since something that they depend on changed; absent where there is none. */
  readonly renewed?: readonly string[];
  readonly removed: readonly string[];
  /** Those that live on as they are. */
  readonly kept: readonly string[];
}

/** How long a reload waits for upstreams that are new, so that clients hear of all changes at once. */
const KNOWING_WAIT = 5_000;

/** Parts of a config that a running host cannot change: its sockets, everybody's bounds and who open sessions are depend on them. */
const FIXED = ["listen", "limits", "roles", "stateKey"] as const;

/** @throws ConfigError for what only a restart can change */
export function checkReloadable(before: ResolvedConfig, now: ResolvedConfig): void {
  const problems = FIXED.filter((part) => !isDeepStrictEqual(before[part], now[part])).map(
    (part) => `${part}: cannot change while the host runs; restart it, or put "${part}" back as it was`,
  );
  if (problems.length > 0) throw new ConfigError(problems);
}

/** The upstreams of a config: those of before that nothing changed for, and new ones. */
export function nextUpstreams(
  plugins: PluginSet,
  before: Assembly | undefined,
  make: (key: string, isolation: Upstream["facts"]["isolation"]) => Upstream,
): Map<string, Upstream> {
  return new Map(
    plugins.upstreams.map(({ key, isolation }) => {
      const old = before?.upstreams.get(key);
      const isSame = isDeepStrictEqual(old?.config, plugins.upstreamConfigs.get(key));
      const comesAlike = before?.plugins.transports.sourceOf(key) === plugins.transports.sourceOf(key);
      const lives = isSame && comesAlike && old?.facts.isolation === isolation;
      return [key, lives ? old : make(key, isolation)];
    }),
  );
}

/** Gets what is new ready for the clients that wait for news: lists are read, and updates of resources subscribed to. */
export async function warmUp(next: Assembly, before: Assembly, requesters: Requesters): Promise<void> {
  const known: Promise<void>[] = [];
  for (const [key, upstream] of next.upstreams) {
    const old = before.upstreams.get(key);
    if (old === upstream) {
      for (const connection of upstream.connections.values()) known.push(next.directory.listed(connection));
      continue;
    }
    const eager = upstream.config.start === "eager";
    const base = eager && next.config.listen ? upstream.base() : undefined;
    if (base) known.push(base.known());
    for (const requester of requesters) {
      if (!requester.isToldOfLists) continue;
      const connection = old ? upstream.inherit(old, requester) : upstream.connectionFor(requester);
      shareLevel(connection, (id) => requesters.get(id));
      if (eager || connection.restored.any) known.push(upstream.known(requester));
    }
  }
  await withDeadline(Promise.all(known), KNOWING_WAIT, () => {});
}

/** Ends the sessions and callers whose endpoint went with its plugin: nothing says any more what they may see. */
export function endGone({ plugins: { edge } }: Assembly, { sessions, callers }: Requesters): void {
  const gone = (endpoint: string | undefined): HostError | undefined =>
    endpoint === undefined || edge.endpoints.has(endpoint)
      ? undefined
      : new HostError("session_not_found", `the endpoint "${endpoint}" is not there any more`);
  for (const session of [...sessions]) {
    const error = gone(session.endpoint);
    if (error) sessions.close(session, error);
  }
  for (const caller of [...callers]) {
    const error = gone(caller.endpoint);
    if (error) callers.close(caller, error);
  }
}

/** What changed from one assembly to the next. */
export function changesOf(before: Assembly, next: Assembly): ReloadReport {
  const plugins = ({ plugins: { plugins } }: Assembly) => new Map(plugins.map((plugin) => [plugin.id, plugin]));
  return {
    upstreams: compare(configured(before), configured(next), (old, now) => isDeepStrictEqual(old.config, now.config)),
    plugins: compare(plugins(before), plugins(next), isSamePlugin),
  };
}

/** Those of the config: what a plugin offers goes with the plugin. */
function configured({ upstreams }: Assembly): ReadonlyMap<string, Upstream> {
  return new Map([...upstreams].filter(([, { facts }]) => facts.wire !== "plugin"));
}

/** Whether nothing of a plugin itself changed: its settings, its code, the files that it reads. */
function isSamePlugin(before: AppliedPlugin, now: AppliedPlugin): boolean {
  return isLoadedAlike(before.loaded, now.loaded) && isDeepStrictEqual(before.files, now.files);
}

function compare<T>(before: ReadonlyMap<string, T>, now: ReadonlyMap<string, T>, isSame: (old: T, now: T) => boolean): Changes {
  const keys = [...now.keys()];
  const replaced = [...now].flatMap(([key, each]) => {
    const old = before.get(key);
    return old === undefined || old === each ? [] : [{ key, isSame: isSame(old, each) }];
  });
  const renewed = replaced.filter((each) => each.isSame).map(({ key }) => key);
  return {
    added: keys.filter((key) => !before.has(key)),
    changed: replaced.filter((each) => !each.isSame).map(({ key }) => key),
    ...(renewed.length > 0 && { renewed }),
    removed: [...before.keys()].filter((key) => !now.has(key)),
    kept: keys.filter((key) => before.get(key) === now.get(key)),
  };
}
