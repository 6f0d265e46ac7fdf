import { runCommand } from "citty";
import { createLogger, type Logger } from "../log.ts";
import { failureOf } from "./command-line/failure.ts";
import { everyValue } from "./command-line/usage.ts";
import type { FirstWord } from "./daemon/daemon.ts";
import { daemonFiles } from "./daemon/daemon-files.ts";
import { LogFile, logLimits } from "./daemon/log-file.ts";
import { PidFile } from "./daemon/pid-file.ts";
import type { ProcessLife } from "./hosting/process-life.ts";
import type { Detached, StartFlags } from "./hosting/serve.ts";
import start from "./start.ts";

// The program of the detached process: what `daemon.ts` starts. Its arguments are those of `start`.
const args = process.argv.slice(2);

async function serve(): Promise<number> {
  try {
    const { result } = await runCommand(start, { rawArgs: args, data: new DetachedProcess() });
    return Number(result);
  } catch (error) {
    const failed = failureOf(error, args);
    const { text, problems, config } = failed;
    const format = everyValue(args, "log-format").at(-1) === "pretty" ? "pretty" : "json";
    createLogger({ format }).error(text, { config, ...(problems.length > 0 && { problems }) });
    await tell({ failed });
    return failed.code;
  }
}

/** Whoever started this process may be gone; then nobody is told. */
function tell(word: FirstWord): Promise<void> {
  return new Promise((done) => {
    if (process.send) process.send(word, undefined, {}, () => done());
    else done();
  });
}

class DetachedProcess implements Detached {
  #pidFile: PidFile | undefined;

  async begin(flags: StartFlags, life: ProcessLife, log: Logger): Promise<{ pidFile: string; logFile: string }> {
    const files = await daemonFiles(flags);
    const file = new LogFile(files.logFile, {
      ...logLimits(flags),
      recovered: (lines, reason) => log.warn("log lines could not be written and are lost", { lines, reason }),
    });
    for (const stream of [process.stdout, process.stderr]) redirect(stream, file);
    log.info("the host starts in the background", { pid: process.pid, config: files.config });
    file.check();
    life.atHangup(() => file.reopen());
    const pidFile = await PidFile.take(files.pidFile, files.config);
    life.atEnd(() => pidFile.release());
    this.#pidFile = pidFile;
    return { pidFile: files.pidFile, logFile: files.logFile };
  }

  confirm(): void {
    this.#pidFile?.check();
  }

  listening(url: string, warnings: readonly string[]): void {
    const stale = this.#pidFile?.stale;
    const taken = stale === undefined ? [] : [`the pid file of a daemon that is gone (pid ${stale}) was taken over`];
    void tell({ listening: { url, warnings: [...taken, ...warnings] } }).then(() => {
      if (process.connected) process.disconnect();
    });
  }
}

/** What is printed goes to the log file, whoever prints it. */
function redirect(stream: NodeJS.WriteStream, file: LogFile): void {
  stream.write = (chunk: string | Uint8Array, ...more: unknown[]): boolean => {
    file.write(chunk);
    const done = more.find((argument) => typeof argument === "function");
    if (done) process.nextTick(done as () => void); // the last argument of `write`, where there is one
    return true;
  };
}

process.exit(await serve());
