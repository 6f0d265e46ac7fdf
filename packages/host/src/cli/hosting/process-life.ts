import type { Host } from "../../host/host.ts";
import { errorFields, type Logger } from "../../log.ts";
import { deskOf } from "../../operator/create-host.ts";
import { EXIT, type ExitCode } from "../command-line/exit.ts";

const SIGNALS = { SIGINT: EXIT.interrupted.code, SIGTERM: EXIT.terminated.code, SIGHUP: EXIT.hangup.code } as const;

/**
 * How a running host ends: a signal lets calls in flight finish, a second one does not; a bug in a plugin is logged and
 * never leaves children behind (they are killed with the process, see `upstream/child.ts`).
 */
export class ProcessLife {
  /** Resolves with the exit code when the host has ended. */
  readonly ended: Promise<ExitCode>;
  #log: Logger;
  readonly #closers: (() => void | Promise<void>)[] = [];
  readonly #hangups: (() => void)[] = [];
  #host: Host | undefined;
  #ending = false;
  #resolve!: (code: ExitCode) => void;

  constructor(log: Logger) {
    this.#log = log;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => this.#signal(signal, code));
    process.on("unhandledRejection", (error) => this.#log.error("a promise was rejected and nobody handled it", withStack(error)));
    process.on("uncaughtException", (error) => {
      this.#log.error("an error was thrown and nobody caught it; the host stops", withStack(error));
      this.end(EXIT.failure.code);
    });
  }

  /** The host whose life it is; until then a signal ends the process at once. */
  of(host: Host): void {
    this.#host = host;
    this.#log = host.log;
  }

  /** What else ends with the host, before the process does. */
  atEnd(close: () => void | Promise<void>): void {
    this.#closers.push(close);
  }

  /**
   * What a hangup does instead of ending the host. Where somebody started the host in a terminal, a hangup is the end of that
   * terminal, and so of the host.
   */
  atHangup(work: () => void): void {
    if (!process.stdin.isTTY) this.#hangups.push(work);
  }

  /** Ends the host in order because its operator said so. */
  stop(asked: string): void {
    this.#log.info("the host stops: calls in flight may finish", { asked });
    this.end(EXIT.ok.code);
  }

  /** Ends the host: no new requests, those in flight finish within `drain`, children go. */
  end(code: ExitCode): void {
    if (this.#ending) return;
    this.#ending = true;
    const done = async (): Promise<void> => {
      await Promise.all(this.#closers.map((close) => close()));
      this.#resolve(code);
    };
    (this.#host?.close() ?? Promise.resolve()).then(done, (error: unknown) => {
      this.#log.error("the host did not end cleanly", errorFields(error));
      this.#resolve(EXIT.failure.code);
    });
  }

  #signal(signal: string, code: ExitCode): void {
    if (signal === "SIGHUP" && this.#hangups.length > 0 && !this.#ending) {
      for (const work of this.#hangups) work();
      return;
    }
    if (this.#ending || !this.#host) {
      this.#log.warn("the process ends at once", { signal });
      process.exit(code);
    }
    this.#log.info("the host stops: calls in flight may finish; a second signal ends it at once", { signal });
    void deskOf(this.#host).told({ who: "signal", operation: "stop" }, async () => this.end(EXIT.ok.code));
  }
}

function withStack(error: unknown): Record<string, unknown> {
  return { ...errorFields(error), ...(error instanceof Error && { stack: error.stack }) };
}
