import { setTimeout as pause } from "node:timers/promises";
import { locateConfig } from "../../config/locate.ts";
import { escapeControls } from "../../log.ts";
import { askCatalog, askStatus, findHosts } from "../../operator/control-client.ts";
import type { ControlStatus } from "../../operator/control-protocol.ts";
import { HostClient, NotAdmittedError } from "../../operator/host-client.ts";
import { UsageError } from "../../operator/usage-error.ts";
import type { Notification } from "../../wire/message.ts";
import { interruption } from "../command-line/interrupted.ts";
import { showProgress } from "../terminal/progress.ts";
import { isUp } from "../terminal/upstream-summary.ts";
import type { AskedHost } from "./asked-host.ts";
import type { ServerStart } from "./startup.ts";

/** How often the state of starting servers is asked for. */
const LOOK = 100;
/** How long they are waited for, whatever their `startTimeout`. */
const PATIENCE = 120_000;

/** The running host of a config, if there is one: of several one that listens, since that is nobody's alone. */
export async function runningHostOf(config: string | undefined): Promise<ControlStatus | undefined> {
  const path = await locateConfig(config).catch(() => undefined); // who starts a host tells what is wrong with it
  if (path === undefined) return undefined;
  const hosts = await findHosts({ config: path });
  return hosts.find(({ mode }) => mode !== "stdio") ?? hosts[0];
}

/** Connects a client to a running host, and ends it when `work` is done. @throws UsageError where the host does not take it */
export async function withRunning<T>(
  { pid }: ControlStatus,
  { endpoint, notified }: { endpoint: string | undefined; notified: (notification: Notification) => void },
  work: (host: AskedHost) => Promise<T>,
): Promise<T> {
  const interrupted = interruption();
  let client: HostClient | undefined;
  let isOver = false;
  const started = async (): Promise<readonly ServerStart[]> => {
    const due = performance.now() + PATIENCE;
    let beginning: readonly string[] = [];
    const shown = showProgress(() => `servers are starting: ${beginning.join(", ")}`);
    try {
      for (;;) {
        const status = await askStatus(pid);
        beginning = status.upstreams.filter(isBeginning).map(({ name }) => name);
        if (beginning.length === 0 || isOver || performance.now() > due) return startsOf(status);
        await pause(LOOK);
      }
    } finally {
      shown();
    }
  };
  const asked = async (): Promise<T> => {
    const opened = await HostClient.open(pid, { endpoint, notified });
    client = opened;
    const starts = async (): Promise<readonly ServerStart[]> => startsOf(await askStatus(pid));
    return work({
      request: (method, params, options) => opened.request(method, params, options),
      starts,
      note: opened.note,
      withheld: async () => (await askStatus(pid)).withheld,
      endpoints: async () => (await askStatus(pid)).endpoints,
      catalog: (params) => askCatalog(pid, params),
      requestAt: async (at, method) => {
        const other = await HostClient.open(pid, { endpoint: at, notified: () => {} });
        return other.request(method).finally(() => other.close());
      },
      // A host starts what it lists.
      started: () => opened.request("tools/list").then(started, started),
    });
  };
  try {
    return await Promise.race([interrupted.promise, asked()]);
  } catch (error) {
    if (!(error instanceof NotAdmittedError)) throw error;
    const place = endpoint === undefined ? "" : "--endpoint: ";
    throw new UsageError(`${place}${error.message}; the host with pid ${pid} was asked, and --fresh starts the servers anew`);
  } finally {
    isOver = true;
    interrupted.expected();
    await client?.close();
    interrupted.stop();
  }
}

/** Tells who answers: it may have been started with what the config said then. */
export function tellRunning({ pid, url, mode }: ControlStatus): void {
  const where = url ?? (mode === "stdio" ? "over stdio" : mode);
  process.stderr.write(`${escapeControls(`mcp-host: asking the running host (pid ${pid}, ${where}); --fresh starts the servers anew`)}\n`);
}

/** Whether it is being started for the first time: one that failed says why, and is tried again without anybody who waits. */
function isBeginning({ state, reason }: ControlStatus["upstreams"][number]): boolean {
  return state === "connecting" && reason === undefined;
}

function startsOf({ upstreams }: ControlStatus): ServerStart[] {
  return upstreams.flatMap((upstream) => {
    const { state, reason, incomplete } = upstream;
    if (state === "idle" && reason === undefined) return []; // it rests, and starts when it is used
    return [{ upstream, ok: isUp(upstream) && state !== "degraded" && Object.keys(incomplete).length === 0 }];
  });
}
