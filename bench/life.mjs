// The life of an aggregate: its start, its memory when idle, after many calls, with many sessions, and when they are gone again.
import { LEGS } from "./legs.mjs";
import { failed, flood } from "./load.mjs";
import { pause, rss, shuffled } from "./measure.mjs";
import { bring, DIRECT, TARGETS } from "./targets.mjs";

const { shape } = LEGS.aggregate;

/** Lives of all targets in turn; the first ones run to their end, the others end when they have started. */
export async function measureLives(sizes, { starts, say }) {
  const measured = TARGETS.filter((target) => target !== DIRECT);
  const samples = Object.fromEntries(measured.map(({ name }) => [name, {}]));
  for (let turn = 0; turn < starts; turn++) {
    for (const target of shuffled(measured))
      for (const [figure, value] of Object.entries(await live(target, sizes, turn < sizes.lives)))
        (samples[target.name][figure] ??= []).push(value);
    say(`aggregate: life ${turn + 1} of ${starts}`);
  }
  return samples;
}

async function live(target, sizes, whole) {
  const running = await bring(target, shape);
  try {
    await running.complete();
    const figures = { start: performance.now() - running.startedAt };
    const memory = async () => {
      await pause(sizes.settle);
      return rss(running.pid);
    };
    figures.idle = await memory();
    if (!whole) return figures;
    figures.list = await listTime(running);
    await calls(running, sizes, figures, memory);
    await sessions(running, sizes, figures, memory);
    return figures;
  } finally {
    await running.close();
  }
}

async function listTime(running) {
  const from = performance.now();
  for (let i = 0; i < 10; i++) if ((await running.list()).length !== 500) failed(running.target, new Error("a list is not complete"));
  return (performance.now() - from) / 10;
}

/**
 * Memory after `lifeCalls` calls and after twice as many, and what the last quarter of each cost: `age0` once the code is warm,
 * `age1` and `age2` later, to see whether a call costs more the more calls there were.
 */
async function calls(running, { lifeCalls }, figures, memory) {
  const quarter = (part) => flood(running, 10, 16, { calls: Math.round(lifeCalls * part) });
  await quarter(0.25);
  figures.age0 = (await quarter(0.25)).cpu;
  await quarter(0.25);
  figures.age1 = (await quarter(0.25)).cpu;
  figures.after = await memory();
  figures.afterGrowth = figures.after - figures.idle;
  await quarter(0.75);
  figures.age2 = (await quarter(0.25)).cpu;
  figures.afterTwice = await memory();
}

/** Memory with many sessions that each keep a GET stream, and once they are closed. */
async function sessions(running, { sessions: count }, figures, memory) {
  const open = await running.open(count);
  await Promise.all(open.slice(1).map((session) => session.listen()));
  await flood(running, count, 16, { calls: count });
  figures.open = await memory();
  await running.closeSessions();
  figures.closed = await memory();
  figures.closedGrowth = figures.closed - figures.idle;
}
