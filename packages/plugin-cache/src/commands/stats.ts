import { type ChoiceFlags, callRunningHost, choiceArgs, choiceOf, jsonArgs } from "mcp-host";
import type { CacheStats } from "../statistics.ts";

/** `mcp-host cache stats`; a command as citty has them. */
export default {
  meta: { name: "stats", description: "Show what the cache of a running host did" },
  args: { ...choiceArgs, ...jsonArgs },
  async run({ args }: { args: ChoiceFlags }): Promise<void> {
    const report = await callRunningHost("cache", "stats", {}, choiceOf(args));
    process.stdout.write(args.json ? `${JSON.stringify(report, undefined, 2)}\n` : described(report as unknown as Report)); // as the plugin reports
  },
};

type Report = CacheStats & { upstreams: Record<string, CacheStats> };

function described({ upstreams, ...all }: Report): string {
  const header = ["UPSTREAM", "HITS", "MISSES", "JOINED", "RATIO", "STALE", "ENTRIES", "BYTES", "EVICTED", "SAVED"];
  const rows = [header, ...Object.entries(upstreams).map(([key, stats]) => row(key, stats)), row("all", all)];
  const widths = header.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  return rows
    .map(
      (cells) =>
        `${cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function row(name: string, stats: CacheStats): string[] {
  const { hits, misses, joined, ratio, stale, entries, bytes, evictions, savedMs } = stats;
  const percent = `${(ratio * 100).toFixed(1)} %`;
  return [name, ...[hits, misses, joined].map(String), percent, ...[stale, entries, bytes, evictions].map(String), `${savedMs} ms`];
}
