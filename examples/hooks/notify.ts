import { definePlugin } from "mcp-host";
import { z } from "zod";

/** The least grave first (RFC 5424). */
const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;

/** Keeps the chatter of servers from clients: `{ "least": { "search": "warning" } }`. */
export default definePlugin({
  name: "less-chatter",
  host: "^1.0.0",
  options: z.strictObject({ least: z.record(z.string(), z.enum(LEVELS)) }),
  apply(host, { least }) {
    const rank = new Map<unknown, number>(LEVELS.map((level, at) => [level, at]));
    const lowest = new Map(Object.entries(least).map(([key, level]) => [key, LEVELS.indexOf(level)]));
    host.hooks.notify.tap("less-chatter", (notification, { upstream }) => {
      const from = lowest.get(upstream);
      if (from === undefined || notification.method !== "notifications/message") return notification;
      return (rank.get(notification.params?.level) ?? from) < from ? null : notification;
    });
  },
});
