import { closeSync, openSync } from "node:fs";
import type { Server } from "node:net";
import { devNull } from "node:os";
import type { Logger } from "../log.ts";

/** Milliseconds between two lines about the same trouble: it comes with every connection. */
const SELDOM = 30_000;

/**
 * Says in the log when clients cannot connect: as many are as may be, or file descriptors have run out. Of the latter Node tells
 * nobody (libuv takes such connections and drops them), so one is opened now and then to see whether there is any.
 */
export class Acceptance {
  readonly #log: Logger;
  readonly #told = new Map<string, number>();
  #isFull = false;
  #dropped = 0;

  constructor(server: Server, log: Logger) {
    this.#log = log;
    server.on("drop", () => {
      this.#dropped++;
      this.#seldom("drop", () => {
        const { maxConnections } = server;
        log.warn("clients were turned away: as many connections are open as limits.connections allows", {
          "limits.connections": maxConnections,
          turnedAway: this.#dropped,
        });
        this.#dropped = 0;
      });
    });
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (server.listening) this.#refused(error); // before it listens, whoever began that is told
    });
  }

  /** Looks whether a file descriptor is free. Called about once a second. */
  look(): void {
    try {
      closeSync(openSync(devNull, "r"));
    } catch (error) {
      this.#refused(error as NodeJS.ErrnoException); // fs throws nothing else
      return;
    }
    if (this.#isFull) this.#log.info("file descriptors are free again: clients can connect");
    this.#isFull = false;
  }

  #refused({ code, message }: NodeJS.ErrnoException): void {
    if (code !== "EMFILE" && code !== "ENFILE")
      return this.#seldom("error", () => this.#log.error("a connection could not be accepted", { reason: message }));
    this.#isFull = true;
    const whose = code === "EMFILE" ? "this process has none left" : "this machine has none left";
    this.#seldom(code, () =>
      this.#log.error("file descriptors have run out: no client can connect, and no server can be started", {
        reason: `${whose} (${code})`,
        remedy: "raise the limit (ulimit -n; LimitNOFILE= of a systemd unit), or lower limits.connections",
      }),
    );
  }

  #seldom(what: string, tell: () => void): void {
    const now = performance.now();
    if (now - (this.#told.get(what) ?? Number.NEGATIVE_INFINITY) < SELDOM) return;
    this.#told.set(what, now);
    tell();
  }
}
