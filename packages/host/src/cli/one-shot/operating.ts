import { callRunningHost } from "../../operator/control-client.ts";
import type { Operate } from "../../plugin/plugin.ts";
import type { Json } from "../../wire/message.ts";
import { interruption } from "../command-line/interrupted.ts";
import { loggerOf } from "../command-line/logger.ts";
import { openHost, startHost } from "../hosting/open-host.ts";
import { runningHostOf } from "./running-host.ts";

const HOUR = 3_600_000;

/**
 * What a command of a plugin has done to a host: to the running one of its config or, where none runs, to one of its own, which serves
 * nobody and ends with the work.
 * @param raw the command's words, for the flags that change the config
 */
export function operating(plugin: string, config: string, raw: readonly string[]): Operate {
  return async (work) => {
    const running = await runningHostOf(config);
    if (running) return work((name, params) => callRunningHost(plugin, name, params, { pid: running.pid }), { running: true });
    const interrupted = interruption();
    const opened = await openHost({
      config,
      raw,
      log: loggerOf({}, "warn"),
      hostLog: loggerOf({}, "error"),
      change: ({ listen: _, ...read }) => ({
        ...read,
        drain: 0,
        mcpServers: Object.fromEntries(
          Object.entries(read.mcpServers ?? {}).map(([key, server]) => [key, { ...(server as Json), start: "lazy" }]),
        ),
      }),
    });
    // What a plugin waits for, such as a browser that comes back, keeps no process alive, and standard input may be at its end.
    const alive = setInterval(() => {}, HOUR);
    try {
      const begun = startHost(opened);
      const asked = begun.then(() =>
        work((name, params = {}) => opened.host.operator.run(`${plugin}:${name}`, params), { running: false }),
      );
      return await Promise.race([interrupted.promise, asked]);
    } finally {
      interrupted.expected();
      await opened.host.close();
      interrupted.stop();
      clearInterval(alive);
    }
  };
}
