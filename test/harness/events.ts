import { vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import type { Incoming, WireClient } from "./wire.ts";

/** One event of a stream as it was sent. */
export interface SentEvent {
  id: string | undefined;
  retry: number | undefined;
  /** Undefined for an event without data, which only tells its id. */
  message: Message | undefined;
}

/** The whole events of an SSE text, comments left out. */
export function eventsOf(text: string): SentEvent[] {
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((event) => event.split("\n").filter((line) => !line.startsWith(":")))
    .filter((lines) => lines.length > 0)
    .map((lines) => {
      const field = (name: string): string | undefined =>
        lines
          .find((line) => line.startsWith(`${name}:`))
          ?.slice(name.length + 1)
          .trim();
      const retry = field("retry");
      const data = field("data");
      return { id: field("id"), retry: retry === undefined ? undefined : Number(retry), message: data ? JSON.parse(data) : undefined };
    });
}

/** Waits until so many messages have come, and gives the events so far. */
export function untilMessages(stream: Incoming, count: number): Promise<SentEvent[]> {
  return vi.waitFor(
    () => {
      const events = eventsOf(stream.text());
      const messages = events.filter(({ message }) => message !== undefined).length;
      if (messages < count) throw new Error(`${messages} of ${count} messages came`);
      return events;
    },
    { interval: 2 },
  );
}

/** Comes back for what followed an event. */
export function resume(client: WireClient, id: string | undefined): Promise<Incoming> {
  return client.open({ method: "GET", headers: { "last-event-id": id } });
}
