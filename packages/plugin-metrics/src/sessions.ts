import type { SessionEvent } from "mcp-host";
import { Distribution, SESSION_SECONDS } from "./distribution.ts";

/** Labels of a finished session, as the OpenTelemetry conventions have them. */
export interface SessionLabels {
  /** `tcp` over HTTP and WebSocket, `pipe` over stdio and in process. */
  readonly network_transport: "tcp" | "pipe";
  /** The negotiated version; empty for a session that was never initialized. */
  readonly mcp_protocol_version: string;
}

/** Counts the clients' sessions. */
export class Sessions {
  readonly #open = new Map<SessionEvent["session"], number>();
  readonly #opened = { tcp: 0, pipe: 0 };
  readonly #durations = new Map<string, { labels: SessionLabels; duration: Distribution }>();

  changed({ event, session }: SessionEvent): void {
    const transport = session.network ? "tcp" : "pipe";
    if (event === "opened") {
      this.#opened[transport]++;
      this.#open.set(session, performance.now());
      return;
    }
    const since = this.#open.get(session);
    if (since === undefined) return;
    this.#open.delete(session);
    const { version } = session.client;
    const key = `${transport} ${version}`;
    let figures = this.#durations.get(key);
    if (!figures) {
      figures = { labels: { network_transport: transport, mcp_protocol_version: version }, duration: new Distribution(SESSION_SECONDS) };
      this.#durations.set(key, figures);
    }
    figures.duration.observe((performance.now() - since) / 1000);
  }

  /** Sessions since the start, by transport. */
  opened(): readonly (readonly ["tcp" | "pipe", number])[] {
    return [
      ["tcp", this.#opened.tcp],
      ["pipe", this.#opened.pipe],
    ];
  }

  /** Sessions that are open now, by transport. */
  open(): readonly (readonly ["tcp" | "pipe", number])[] {
    let tcp = 0;
    for (const session of this.#open.keys()) if (session.network) tcp++;
    return [
      ["tcp", tcp],
      ["pipe", this.#open.size - tcp],
    ];
  }

  /** How long finished sessions lasted. */
  durations(): Iterable<{ labels: SessionLabels; duration: Distribution }> {
    return this.#durations.values();
  }
}
