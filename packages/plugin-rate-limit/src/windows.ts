import type { Window } from "./options.ts";

/** One window of one key: what is counted in it is counted nowhere else. */
export interface Span {
  /** Different for each window of a key. */
  readonly id: string;
  /** When it is over, in milliseconds since 1970. */
  readonly end: number;
}

/** Tells in which window of a key a moment is. */
export type Windows = (now: number, key: string) => Span;

/** @param timeZone where days and months begin, an IANA name */
export function windowsOf(window: Window, timeZone: string): Windows {
  return typeof window === "number" ? fixed(window) : calendar(window, timeZone);
}

/** Each key's windows begin at another moment, so that not everybody who was refused comes back at once. */
function fixed(length: number): Windows {
  return (now, key) => {
    const offset = hashOf(key) % length;
    const index = Math.floor((now - offset) / length);
    return { id: String(index), end: (index + 1) * length + offset };
  };
}

/** FNV-1a: cheap, and the same in every host that shares a store. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const HOUR = 3_600_000;
/** Longer than any day or month is, whatever the clocks do. */
const LONGEST = { day: 26 * HOUR, month: 32 * 24 * HOUR };

/** Days and months as the calendar of a time zone has them, the changes of its clocks included. */
function calendar(unit: "day" | "month", timeZone: string): Windows {
  const format = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit", calendar: "iso8601" });
  const nameOf = (at: number): string => {
    const name = format.format(at);
    return unit === "day" ? name : name.slice(0, -3); // without -DD
  };
  let last: (Span & { readonly begin: number }) | undefined;
  return (now) => {
    if (last && now >= last.begin && now < last.end) return last;
    const id = nameOf(now);
    let before = now;
    let after = now + LONGEST[unit];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (nameOf(middle) === id) before = middle;
      else after = middle;
    }
    last = { id, begin: now, end: after };
    return last;
  };
}
