import type { Window } from "./options.ts";

const UNITS: readonly (readonly [string, number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];

/** A duration in words, as in `5 minutes`. */
export function spoken(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => milliseconds >= size && milliseconds % size === 0) ?? ["ms", 1];
  const count = milliseconds / size;
  return `${count} ${unit}${count === 1 || unit === "ms" ? "" : "s"}`;
}

/** A window as in `a minute`, `5 minutes`, `a month of the calendar`. */
export function windowWords(window: Window): string {
  if (typeof window === "string") return `a ${window} of the calendar`;
  const words = spoken(window);
  return words.startsWith("1 ") ? `${words === "1 hour" ? "an" : "a"} ${words.slice(2)}` : words;
}

/** How long somebody has to wait, for people. */
export function waitWords(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => milliseconds >= 2 * size) ?? ["second", 1_000];
  const count = Math.max(1, Math.ceil(milliseconds / size));
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
