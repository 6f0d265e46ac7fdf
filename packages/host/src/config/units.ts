import { z } from "zod";

const DURATION = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const;

function unit(units: Record<string, number>, text: string): number | undefined {
  const [, amount, name] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const key = (name ?? "").toLowerCase();
  const factor = Object.hasOwn(units, key) ? units[key] : undefined;
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor;
}

function quantity(units: Record<string, number>, example: string) {
  const names = Object.keys(units).map((name) => [...name].map((letter) => `[${letter}${letter.toUpperCase()}]`).join(""));
  // For editors; here a text of another form gets the words below.
  const text = z.string().meta({ pattern: `^\\s*\\d+(\\.\\d+)?\\s*(${names.join("|")})\\s*$` });
  const forms = z.union([z.number().nonnegative(), text], `must be one of the forms ${example}, or a number`);
  return forms.transform((value, context) => {
    if (typeof value === "number") return value;
    const parsed = unit(units, value);
    if (parsed === undefined) {
      context.addIssue({ code: "custom", message: `"${value}" is not one of the forms ${example}` });
      return z.NEVER;
    }
    return parsed;
  });
}

/** Node's timers fire at once when they are asked to wait longer. */
const LONGEST = 2 ** 31 - 1;

/** A duration such as `"30s"`, `"250ms"`, `"5m"`, or a number of milliseconds, at most 24 days; parsed to milliseconds. */
export const duration = quantity({ ...DURATION }, '"250ms", "30s", "5m", "1h"').refine(
  (milliseconds) => milliseconds <= LONGEST,
  "is longer than 24 days, which no timer can wait",
);

/** A size such as `"8mb"`, `"64kb"`, or a number of bytes; parsed to bytes. */
export const size = quantity({ ...SIZE }, '"64kb", "8mb"');

/** A whole number; text is taken too, because `${PORT}` gives text. */
export function integer(least: number, most: number) {
  const number = z.int().min(least).max(most);
  const message = `must be a whole number from ${least} to ${most}`;
  return z.union([number, z.string().regex(/^\d+$/, message).transform(Number).pipe(number)], message);
}

/** `true` or `false`; text is taken too, because `${REQUIRED}` gives text. */
export const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")], "must be true or false");
