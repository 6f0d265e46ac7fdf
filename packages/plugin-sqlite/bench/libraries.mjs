/**
 * What bindings to SQLite take: `node libraries.mjs FOLDER`, where FOLDER has some of them installed. It prints which SQLite each
 * brings, what loading it takes, and what it does in a second in one transaction each; then two things that a store needs and not each does.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const TIMES = 20_000;
const VALUE = JSON.stringify({ text: "x".repeat(250) });
const BINDINGS = {
  "@photostructure/sqlite": ({ DatabaseSync }) => DatabaseSync,
  libsql: (Database) => Database,
  "better-sqlite3": (Database) => Database,
};

const from = createRequire(resolve(process.argv[2] ?? ".", "_"));
const perSecond = (work) => {
  const begun = performance.now();
  for (let n = 0; n < TIMES; n++) work(n);
  return `${Math.round((TIMES / (performance.now() - begun)) * 1_000)}/s`;
};

for (const [name, constructorOf] of Object.entries(BINDINGS)) {
  const folder = mkdtempSync(join(tmpdir(), "mcp-host-bench-"));
  const file = join(folder, "store.sqlite");
  try {
    from.resolve(name);
  } catch {
    console.log(`${name}: not installed there`);
    continue;
  }
  const begun = performance.now();
  const Database = constructorOf(from(name));
  const database = new Database(file);
  const loaded = performance.now() - begun;
  const { version } = database.prepare("select sqlite_version() as version").get();
  for (const sql of ["pragma journal_mode = wal", "pragma synchronous = normal", "create table entries (key text primary key, value text)"])
    database.exec(sql);
  const set = database.prepare("insert into entries values (?, ?) on conflict do update set value = excluded.value");
  const get = database.prepare("select value from entries where key = ?");
  const sets = perSecond((n) => {
    database.exec("begin immediate");
    set.run(`key ${n % 5_000}`, VALUE);
    database.exec("commit");
  });
  const gets = perSecond((n) => get.get(`key ${n % 5_000}`));
  get.all("key 1");
  const stale = get.get("a key that is not there") !== undefined;
  console.log(`${name}: SQLite ${version}, loaded in ${loaded.toFixed(1)} ms, set ${sets}, get ${gets}`);
  if (stale) console.log("  gives a row of the query before where there is none");
  database.close();
  if (existsSync(`${file}-wal`)) console.log("  keeps the file open after close(), until its statements are collected");
  rmSync(folder, { recursive: true });
}
