import { definePlugin, matcher } from "mcp-host";
import { z } from "zod";

/** As `Intl` has them, in lower case. */
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "expected a time such as 08:30");
const isZone = (zone: string): boolean => zone === "UTC" || Intl.supportedValuesOf("timeZone").includes(zone);

/** Without `days`, every day; `to` before `from` is on the next day. */
const rule = z.strictObject({
  tools: z.array(z.string()).min(1),
  days: z.array(z.enum(DAYS)).min(1).optional(),
  from: time,
  to: time,
});

/**
 * Tools that may be used at certain hours only: `{ "zone": "Europe/Vienna", "rules": [{ "tools": ["deploy*"], "days": ["mon", "tue"], "from": "08:00",
 * "to": "16:30" }] }`. What several rules name is open while one of them has it open; what none names always is. Outside of its hours a tool is
 * neither listed nor called, and clients are told when that changes.
 */
export default definePlugin({
  name: "opening-hours",
  version: "1.0.0",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ zone: z.string().refine(isZone, "there is no such time zone").default("UTC"), rules: z.array(rule).min(1) }),
  apply(host, { zone, rules }) {
    const all = rules.map(({ tools, days = DAYS, ...each }) => ({ ...each, days: days as readonly string[], isMeant: matcher(tools) })); // wider
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      weekday: "short",
      hour: "2-digit",
      minute: "2-digit",
    });

    /** The rules that have their tools open at a time. */
    function openAt(now: number): typeof all {
      const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]));
      const clock = `${parts.get("hour")}:${parts.get("minute")}`;
      const today = (DAYS as readonly string[]).indexOf(parts.get("weekday")?.toLowerCase() ?? "");
      const [day = "", yesterday = ""] = [DAYS[today], DAYS[(today + 6) % 7]];
      return all.filter(({ days, from, to }) => {
        if (from < to) return days.includes(day) && clock >= from && clock < to;
        return (days.includes(day) && clock >= from) || (days.includes(yesterday) && clock < to);
      });
    }

    let open = { minute: -1, rules: all };
    /** Asked for every entry of every list, so that it is found out once a minute. */
    function openNow(): typeof all {
      const minute = Math.floor(host.clock.now() / 60_000);
      if (open.minute !== minute) open = { minute, rules: openAt(minute * 60_000) };
      return open.rules;
    }

    host.hooks.permit.tap("opening-hours", (entry) => {
      if (entry.kind !== "tool" || !all.some(({ isMeant }) => isMeant(entry))) return undefined;
      return openNow().some(({ isMeant }) => isMeant(entry)) ? undefined : { rule: "closed" };
    });

    const key = (): string =>
      openNow()
        .map((each) => all.indexOf(each))
        .join();
    host.hooks.ready.tap("opening-hours", () => {
      let told = key();
      host.clock.setInterval(() => {
        if (key() !== told) host.catalog.invalidate();
        told = key();
      }, 10_000);
    });
  },
});
