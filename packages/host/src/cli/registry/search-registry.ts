import type { RegistryClient } from "./registry-client.ts";
import { type RegistryEntry, readEntry } from "./server-json.ts";

/** Pages that are asked for at most: a registry that always has another must not keep anybody. */
const MOST_PAGES = 50;

/** What a registry has of what was searched. */
export interface Found {
  readonly entries: readonly RegistryEntry[];
  /** Whether there is more than was asked for. */
  readonly more: boolean;
  /** Entries that have not the form of one. */
  readonly unreadable: number;
}

/**
 * Searches a registry. It looks for one text in names alone, so it is asked for the longest word, and the others are looked for here, in
 * names, titles and descriptions. Entries that were deleted are left out.
 * @param limit so many at most
 */
export async function searchRegistry(client: RegistryClient, words: readonly string[], limit: number): Promise<Found> {
  const wanted = words.flatMap((word) => word.toLowerCase().split(/\s+/)).filter((word) => word !== "");
  const [longest = "", ...others] = wanted.toSorted((a, b) => b.length - a.length);
  const entries: RegistryEntry[] = [];
  let unreadable = 0;
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const missing = limit - entries.length;
    const { entries: came, next } = await client.list(longest, cursor, others.length === 0 ? missing : Number.POSITIVE_INFINITY);
    for (const [index, each] of came.entries()) {
      const entry = readEntry(each);
      if ("problem" in entry) unreadable++;
      else if (entry.status !== "deleted" && hasAll(entry, others)) entries.push(entry);
      if (entries.length === limit) return { entries, more: index + 1 < came.length || next !== undefined, unreadable };
    }
    if (next === undefined) return { entries, more: false, unreadable };
    cursor = next;
  }
  return { entries, more: true, unreadable };
}

function hasAll({ server }: RegistryEntry, words: readonly string[]): boolean {
  const text = [server.name, server.title, server.description].join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}
