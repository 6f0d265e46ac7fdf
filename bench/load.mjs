// The load: calls whose every answer is checked, one after the other, many at once, and with large results.
import { cpu, median, peak, percentile, resetPeak } from "./measure.mjs";

/** Calls and failures of this run, over everything. A failure's message, without what is different each time, and its count. */
export const tally = { calls: 0, errors: 0, messages: {} };
const FILL = "and-some-more-text-to-make-it-a-payload-of-the-usual-small-size-".repeat(2);
let count = 0;

export function failed(target, error) {
  tally.errors++;
  const key = `${target.title}: ${String(error.message)
    .replace(/\d{2,}/g, "#")
    .slice(0, 160)}`;
  tally.messages[key] = (tally.messages[key] ?? 0) + 1;
  if (tally.errors > 200) throw new Error(`too many failures, the last: ${key}`);
}

/** One call with a text that no other call has, which must come back. True if it did. */
async function echo(running, session, name) {
  tally.calls++;
  try {
    const text = `${++count} ${Math.random().toString(36)} ${FILL}`;
    const result = await session.request("tools/call", { name, arguments: { text } });
    if (result.isError || result.content[0].text !== text) throw new Error(`wrong payload: ${JSON.stringify(result).slice(0, 80)}`);
    return true;
  } catch (error) {
    failed(running.target, error);
    return false;
  }
}

const used = ({ pid }) => (pid ? cpu(pid) : Number.NaN);

/** `calls` calls one after the other: percentiles in ms. */
export async function sequential(running, calls) {
  const [session] = await running.open(1);
  const times = [];
  for (let i = 0; i < calls; i++) {
    const from = performance.now();
    if (await echo(running, session, running.names[0])) times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95), p99: percentile(times, 0.99) };
}

/** Calls from `sessions` sessions and over all tools, `inFlight` at any time, for `ms` milliseconds or until `calls` were made. */
export async function flood(running, sessions, inFlight, { ms = 60_000, calls = Number.POSITIVE_INFINITY }) {
  const open = await running.open(sessions);
  const { names } = running;
  const before = used(running);
  const from = performance.now();
  let begun = 0;
  let answered = 0;
  const worker = async () => {
    while (begun < calls && performance.now() - from < ms) {
      const turn = begun++;
      if (await echo(running, open[turn % open.length], names[turn % names.length])) answered++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const seconds = (performance.now() - from) / 1000;
  return { rate: answered / seconds, cpu: (used(running) - before) / answered };
}

/** `times` results of so many bytes one after the other: median time in ms, and the gateway's peak memory in MiB. */
export async function large(running, bytes, times) {
  const [session] = await running.open(1);
  const took = [];
  if (running.pid) resetPeak(running.pid);
  for (let i = 0; i < times; i++) {
    tally.calls++;
    try {
      const tag = `<${++count} ${Math.random().toString(36)}>`;
      const from = performance.now();
      const { content } = await session.request("tools/call", { name: running.big, arguments: { bytes, tag } });
      took.push(performance.now() - from);
      if (content[0].text.length !== bytes || !content[0].text.startsWith(tag)) throw new Error("wrong payload: a large one");
    } catch (error) {
      failed(running.target, error);
    }
  }
  return { ms: median(took), peak: running.pid ? peak(running.pid) : Number.NaN };
}
