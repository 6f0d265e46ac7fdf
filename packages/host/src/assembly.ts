import type { ResolvedConfig } from "./config/schema.ts";
import type { Logger } from "./log.ts";
import { Catalog } from "./pipeline/catalog.ts";
import { Directory } from "./pipeline/directory.ts";
import type { Exchange } from "./pipeline/exchange.ts";
import type { SealedHooks } from "./pipeline/hook-set.ts";
import { Pins } from "./pipeline/names.ts";
import { Notices } from "./pipeline/notices.ts";
import { Pipeline } from "./pipeline/pipeline.ts";
import { Reverse } from "./pipeline/reverse.ts";
import { SeenUris } from "./pipeline/seen-uris.ts";
import { TaskTable } from "./pipeline/tasks.ts";
import { Announcer } from "./session/announcer.ts";
import { createAnswers } from "./session/answers.ts";
import type { Sessions } from "./session/sessions.ts";
import type { Upstream } from "./upstream/upstream.ts";
import type { Json } from "./wire/message.ts";

/** What a host puts together from one hook set. */
export interface Assembly {
  readonly hooks: SealedHooks;
  readonly directory: Directory;
  readonly announcer: Announcer;
  readonly notices: Notices;
  readonly reverse: Reverse;
  readonly pipeline: Pipeline;
}

export interface AssemblyOptions {
  readonly hooks: SealedHooks;
  readonly config: ResolvedConfig;
  readonly log: Logger;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly sessions: Sessions;
  readonly hostInfo: Json;
  readonly settled: (exchange: Exchange) => void;
}

/** Connects catalog, pipeline and the ways back to the clients with each other. */
export function assemble({ hooks, config, log, upstreams, sessions, hostInfo, settled }: AssemblyOptions): Assembly {
  const { limits } = config;
  const session = (id: string) => sessions.get(id);
  const changed = (principal: string | undefined): void => announcer.permissionsChanged(principal);
  const catalog = new Catalog({
    hooks,
    log,
    pins: new Pins(undefined, (key) => upstreams.get(key)?.config.fallback === true),
    limit: limits.entries,
    changed,
  });
  const directory = new Directory(catalog, upstreams);
  const announcer = new Announcer(directory, () => sessions);
  const tasks = new TaskTable(limits.tasks, (entry, principal) => catalog.permits(entry, principal));
  const seen = new SeenUris(limits.seenUris);
  const cancelled: ConstructorParameters<typeof Notices>[0]["cancelled"] = (connection, id, reason) =>
    reverse.cancelled(connection, id, reason);
  const notices = new Notices({ hooks, log, tasks, directory, progressPerSecond: limits.progressPerSecond, session, cancelled });
  const reverse = new Reverse({ hooks, tasks, notices, limits, session, settled });
  const answers = createAnswers(directory, hostInfo, session, announcer);
  const pipeline = new Pipeline({ hooks, directory, tasks, seen, notices, answers });
  return { hooks, directory, announcer, notices, reverse, pipeline };
}
