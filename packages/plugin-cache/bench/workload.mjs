/**
 * Reads and writes of a key-value server through a host with the cache, in an order that a seed decides.
 *
 *   node bench/workload.mjs [--seed 1] [--calls 5000] [--keys 300] [--zipf 1] [--writes 0.05] [--concurrency 1]
 *
 * Prints the hit ratio, that of an ideal cache, and how many reads were stale; exits with 1 if the hit ratio is not above 80 %,
 * is less than 95 % of the ideal one, or a read was stale.
 */

import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { cache } from "@host/plugin-cache";
import { createHost, createLogger } from "mcp-host";
import { client, server } from "./memory-transport.mjs";

const defaults = { seed: 1, calls: 5_000, keys: 300, zipf: 1, writes: 0.05, concurrency: 1 };

export async function runWorkload(workload = {}) {
  const { seed, calls, keys, zipf, writes, concurrency, options } = { ...defaults, ...workload };
  const plan = planned({ random: mulberry32(seed), calls, keys, zipf, writes });
  const versions = new Map();
  let fetched = 0;
  const host = createHost(
    {
      mcpServers: { kv: { transport: server((method, params) => answer(method, params, versions, () => fetched++)) } },
      plugins: [cache({ tools: ["get"], invalidate: [{ call: "set", drop: "get", same: ["key"] }], ttl: "1h", ...options })],
    },
    { log: createLogger({ level: "error" }) },
  );
  const asking = client();
  await host.connect(asking.transport);
  await asking.initialize();

  const settled = new Map();
  let next = 0;
  let stale = 0;
  const worker = async () => {
    for (let call = plan[next++]; call; call = plan[next++]) {
      const { key, write } = call;
      const least = settled.get(key) ?? 0;
      const { structuredContent } = await asking.request("tools/call", { name: write ? "set" : "get", arguments: { key } });
      const { version } = structuredContent;
      if (write) settled.set(key, Math.max(settled.get(key) ?? 0, version));
      else if (version < least) stale++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const stats = await host.operator.run("cache:stats");
  await host.close();
  const reads = plan.filter(({ write }) => !write).length;
  return { reads, fetched, ratio: (reads - fetched) / reads, ideal: idealRatio(plan), stale, stats };
}

const tool = (name) => ({ name, inputSchema: { type: "object", properties: { key: { type: "string" } }, required: ["key"] } });

async function answer(method, params, versions, read) {
  if (method === "initialize")
    return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "kv", version: "1" } };
  if (method === "tools/list") return { tools: [tool("get"), tool("set")] };
  if (method !== "tools/call") return {};
  const { key } = params.arguments;
  // What is read is what there was when the request came; the answer takes a turn, in which a write may come between.
  if (params.name === "set") versions.set(key, (versions.get(key) ?? 0) + 1);
  else read();
  const structuredContent = { key, version: versions.get(key) ?? 0 };
  await new Promise(setImmediate);
  return { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent };
}

/** The calls: keys by Zipf's law, and which of them write. */
function planned({ random, calls, keys, zipf, writes }) {
  const cumulated = [];
  let sum = 0;
  for (let rank = 1; rank <= keys; rank++) cumulated.push((sum += 1 / rank ** zipf));
  return Array.from({ length: calls }, () => {
    const point = random() * sum;
    return { key: `key-${cumulated.findIndex((edge) => edge >= point)}`, write: random() < writes };
  });
}

/** A cache that keeps everything and drops exactly what was changed. */
function idealRatio(plan) {
  const kept = new Set();
  let reads = 0;
  let hits = 0;
  for (const { key, write } of plan) {
    if (write) kept.delete(key);
    else {
      reads++;
      if (kept.has(key)) hits++;
      kept.add(key);
    }
  }
  return hits / reads;
}

/** Small, seeded, and good enough: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function main() {
  const flags = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }]));
  const { values } = parseArgs({ options: flags });
  const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
  const { reads, fetched, ratio, ideal, stale } = await runWorkload(given);
  const percent = (share) => `${(share * 100).toFixed(1)} %`;
  process.stdout.write(
    `${reads} reads, ${fetched} of them reached the server\nhit ratio ${percent(ratio)}, of an ideal cache ${percent(ideal)} (${percent(ratio / ideal)} of it)\nstale reads ${stale}\n`,
  );
  process.exitCode = ratio > 0.8 && ratio >= 0.95 * ideal && stale === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
