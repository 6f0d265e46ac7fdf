import { failureFields, LOG_LEVELS, type LogFields, type Logger, type LogLevel, type LogRecord, logRecord } from "../log.ts";

/** Hears a line of the host's log, without secrets. It runs while the line is written, so it only takes it and works later. */
export type LogListener = (line: LogRecord) => void;

/** The host's log with the plugin's name on every line, and a way to hear all of it. */
export interface PluginLog extends Logger {
  /**
   * Hears the lines of the host's log from now on, until the plugin goes or what this gives is called. It hears neither what the plugin
   * logs itself nor what is logged while a line is told. One that throws, or whose promise rejects, is logged once and hears no more.
   * @param level the lines of this level and what is worse, whatever the log itself writes; default `info`
   */
  listen(listener: LogListener, level?: LogLevel): () => void;
}

interface Heard {
  readonly plugin: string;
  readonly level: LogLevel;
  readonly listener: LogListener;
  readonly end: () => void;
}

/** The plugins that hear a host's log. While there is none, a line costs one more call. */
export class LogListeners {
  /** The log, whose lines they hear. */
  readonly log: Logger;
  readonly #written: Logger;
  readonly #all = new Set<Heard>();
  /** The loudest level that somebody hears. */
  #level: LogLevel = "silent";
  #isTelling = false;

  /** @param written the log without them */
  constructor(written: Logger) {
    this.#written = written;
    this.log = this.#over(written, undefined, undefined);
  }

  /** The log as one plugin has it. @param signal aborted when the plugin goes */
  of(plugin: string, signal: AbortSignal): PluginLog {
    return Object.assign(this.#over(this.#written.child({ plugin }), { plugin }, plugin), {
      listen: (listener: LogListener, level: LogLevel = "info") => this.#listen(plugin, listener, level, signal),
    });
  }

  /** Whether this plugin hears it now. */
  isHeardBy(plugin: string): boolean {
    return Array.from(this.#all).some((heard) => heard.plugin === plugin);
  }

  /** @param fixed fields that every line has @param plugin whose lines they are */
  #over(log: Logger, fixed: LogFields | undefined, plugin: string | undefined): Logger {
    const hears = (level: LogRecord["level"]): boolean => LOG_LEVELS[this.#level] >= LOG_LEVELS[level];
    const write = (level: LogRecord["level"]) => (message: string, fields?: LogFields) => {
      log[level](message, fields);
      if (hears(level)) this.#tell(level, message, fixed || fields ? { ...fixed, ...fields } : undefined, plugin);
    };
    return {
      error: write("error"),
      warn: write("warn"),
      info: write("info"),
      debug: write("debug"),
      get debugs() {
        return log.debugs || hears("debug");
      },
      child: (more) => this.#over(log.child(more), { ...fixed, ...more }, plugin),
    };
  }

  /** What is logged meanwhile is told to nobody: no line may lead to another for ever. */
  #tell(level: LogRecord["level"], message: string, fields: LogFields | undefined, plugin: string | undefined): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      let line: LogRecord | undefined;
      for (const heard of [...this.#all])
        if (heard.plugin !== plugin && LOG_LEVELS[heard.level] >= LOG_LEVELS[level])
          this.#hear(heard, (line ??= Object.freeze(logRecord(level, message, fields))));
    } finally {
      this.#isTelling = false;
    }
  }

  #hear(heard: Heard, line: LogRecord): void {
    try {
      const given: unknown = heard.listener(line);
      if (given instanceof Promise) given.catch((error: unknown) => this.#drop(heard, error));
    } catch (error) {
      this.#drop(heard, error);
    }
  }

  #drop(heard: Heard, error: unknown): void {
    if (!this.#all.has(heard)) return; // it was, for another of its lines
    heard.end();
    this.#written.error("a listener of the log failed, and hears no more", { plugin: heard.plugin, ...failureFields(error) });
  }

  #listen(plugin: string, listener: LogListener, level: LogLevel, signal: AbortSignal): () => void {
    if (!Object.hasOwn(LOG_LEVELS, level))
      throw new TypeError(`log.listen: there is no level "${level}"; there are ${Object.keys(LOG_LEVELS).join(", ")}`);
    const end = (): void => {
      signal.removeEventListener("abort", end);
      this.#all.delete(heard);
      this.#weigh();
    };
    const heard: Heard = { plugin, level, listener, end };
    if (signal.aborted) return end;
    signal.addEventListener("abort", end, { once: true });
    this.#all.add(heard);
    this.#weigh();
    return end;
  }

  #weigh(): void {
    const levels = Array.from(this.#all, ({ level }) => level);
    this.#level = levels.reduce<LogLevel>((loudest, level) => (LOG_LEVELS[level] > LOG_LEVELS[loudest] ? level : loudest), "silent");
  }
}
