/**
 * What a store file costs: `node bench/store.mjs` in the package, which was built. It prints what loading and opening take, what the
 * store does in a second, how long one operation keeps the event loop, and the same with another process that writes all the time;
 * then what the same writes would be on the event loop itself, which is why they are in a thread.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TIMES = 20_000;
/** So much is asked for at once where it says so. */
const TOGETHER = 50;
const KEYS = 20_000;
const VALUE = { text: "x".repeat(1_000) };
const SELF = fileURLToPath(import.meta.url);

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const at = (numbers, share) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))];
const micro = (milliseconds) => (milliseconds >= 1 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds * 1_000).toFixed(1)} µs`);
const line = (...cells) =>
  console.log(
    cells
      .map((cell, index) => String(cell).padEnd(index === 0 ? 34 : 12))
      .join(" ")
      .trimEnd(),
  );
const figures = (name, count, took, blocked) =>
  line(name, `${Math.round((count / took) * 1_000)}/s`, micro(at(blocked, 0.5)), micro(at(blocked, 0.99)), micro(at(blocked, 1)));

async function opened(file) {
  const { StoreFile } = await import("../dist/store-file.js");
  const store = new StoreFile({ file, maxSize: 256 * 1024 ** 2, timeout: 5_000, poll: 50, warn: (...what) => console.error(...what) });
  await store.open();
  return store;
}

/** Asks one after another, or so many at once, and says how long each asking kept the loop. */
async function measured(name, ask, together = 1) {
  for (let n = 0; n < 500; n++) await ask(n);
  const blocked = [];
  const begun = performance.now();
  for (let n = 0; n < TIMES; n += together) {
    const asked = [];
    for (let each = 0; each < together; each++) {
      const from = performance.now();
      asked.push(ask(n + each));
      blocked.push(performance.now() - from);
    }
    if (asked[0] instanceof Promise) await Promise.all(asked);
  }
  figures(name, TIMES, performance.now() - begun, blocked);
}

async function store(file, title) {
  line(title, "in a second", "loop p50", "p99", "max");
  const open = await opened(file);
  const one = open.store("bench");
  await measured("set", (n) => one.set(`key ${n % KEYS}`, VALUE, 60_000));
  await measured(`set, ${TOGETHER} at once`, (n) => one.set(`key ${n % KEYS}`, VALUE, 60_000), TOGETHER);
  await measured("get", (n) => one.get(`key ${n % KEYS}`));
  await measured("increment", (n) => one.increment(`count ${n % 100}`));
  await measured("update", (n) => one.update(`count ${n % 100}`, (value) => Number(value ?? 0) + 1));
  await open.close();
}

/** The same writes where the event loop runs. */
async function onLoop(file, title) {
  const { openStore } = await import("../dist/database.js");
  const { Operations } = await import("../dist/operations.js");
  const database = openStore({ file, timeout: 5_000 });
  const operations = new Operations(database);
  line(title, "in a second", "loop p50", "p99", "max");
  const value = JSON.stringify(VALUE);
  await measured("set", (n) => {
    database.exec("begin immediate");
    operations.run({ do: "set", key: `key ${n % KEYS}`, value, ttl: 60_000 });
    database.exec("commit");
  });
  database.close();
}

/** Another process that writes until it is ended. */
async function writing(file) {
  const child = spawn(process.execPath, [SELF, "write", file], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((begun) => child.stdout.once("data", begun));
  return async () => {
    child.kill();
    await new Promise((ended) => child.once("exit", ended));
  };
}

async function write(file) {
  const one = (await opened(file)).store("bench");
  console.log("begun");
  for (let n = 0; ; n++) await one.set(`other ${n % KEYS}`, VALUE, 60_000);
}

/** What a message of another process takes to be heard. */
async function messages(file) {
  const [from, to] = [await opened(file), await opened(file)];
  const took = [];
  let heard = () => {};
  const awake = setInterval(() => {}, 1_000); // to listen keeps no process alive
  to.store("bench").subscribe("news", (begun) => {
    took.push(performance.now() - begun);
    heard();
  });
  for (let n = 0; n < 100; n++) {
    const told = new Promise((done) => {
      heard = done;
    });
    await from.store("bench").publish("news", performance.now());
    await told;
  }
  line("message to another host, poll 50 ms", "", micro(at(took, 0.5)), micro(at(took, 0.99)), micro(Math.max(...took)));
  clearInterval(awake);
  await from.close();
  await to.close();
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), "mcp-host-bench-"));
  const file = join(folder, "store.sqlite");
  try {
    const loading = performance.now();
    await import("../dist/index.js");
    const loaded = performance.now();
    const store_ = await opened(file);
    const open = performance.now();
    await store_.close();
    const again = performance.now();
    const second = await opened(file);
    line("load the plugin (with mcp-host)", micro(loaded - loading));
    line("open, a new file", micro(open - loaded));
    line("open again", micro(performance.now() - again));
    await second.close();
    await store(file, "one process");
    let end = await writing(file);
    await store(file, "beside one that writes");
    await end();
    await onLoop(file, "on the event loop");
    end = await writing(file);
    await onLoop(file, "the same beside one that writes");
    await end();
    await messages(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await (process.argv[2] === "write" ? write(process.argv[3]) : main());
