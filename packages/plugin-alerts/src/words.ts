/** Characters of what is told of one alert: it may hold the last words of a server. */
const MOST = 500;

/** A text from outside as one line of bounded length, without what a terminal or a chat would act on. */
export function plain(text: string, most = MOST): string {
  const line = text
    .slice(0, 4 * most)
    .replaceAll(/[\p{C}\p{Z}]+/gu, " ")
    .trim();
  return line.length > most ? `${line.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : line;
}

/** A share as people say it. */
export const percentOf = (share: number): string => `${Math.round(share * 1_000) / 10} %`;

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** Milliseconds as people say them. */
export function timeOf(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, ms]) => milliseconds >= ms) ?? ["ms", 1];
  return `${Math.round((milliseconds / size) * 10) / 10} ${unit}`;
}

/** Bytes likewise. */
export function bytesOf(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  return `${Math.round((bytes / 1024 ** power) * 10) / 10} ${["bytes", "KiB", "MiB", "GiB", "TiB"][power]}`;
}
