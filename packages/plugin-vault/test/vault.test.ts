import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  watch,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, expect, test, vi } from "vitest";
import { onLines } from "../../../test/fixtures/lines.mjs";
import { MARKED, temporary } from "../../../test/harness/hosts.ts";
import { KeyFile, Passphrase } from "../dist/key-source.js";
import { seal } from "../dist/sealed.js";
import { instanceOf, type Places, placesIn } from "./opened.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());

const vaultIn = ({ folder }: Places): string => join(folder, "vault");
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** A vault with these values in the store `a`. */
async function filled(values: Record<string, unknown> = { token: "canary-in-the-vault" }): Promise<Places> {
  const places = placesIn(folder.path);
  const store = instanceOf(places).store("a");
  for (const [key, value] of Object.entries(values)) await store.set(key, value);
  return places;
}

/** A process that writes into the store `name`. */
function writer(
  places: Places,
  name: string,
  { rotates = false, kilobytes }: { rotates?: boolean; kilobytes?: number } = {},
): { child: ChildProcess; written: number[]; ended: Promise<unknown> } {
  const args = [join(import.meta.dirname, "writer.mjs"), places.folder, places.keyFile, join(places.root, "seen"), name];
  const line = [process.execPath, ...args, ...(rotates ? ["rotate"] : [])];
  // No file may become larger: what a full disk says, at another place each time.
  const [program = "", ...rest] = kilobytes === undefined ? line : ["bash", "-c", `ulimit -f ${kilobytes}; exec "$0" "$@"`, ...line];
  const child = spawn(program, rest, {
    stdio: ["ignore", "pipe", kilobytes === undefined ? "inherit" : "ignore"],
    env: { ...process.env, ...MARKED },
  });
  const written: number[] = [];
  onLines(child.stdout, (line: string) => written.push(Number(line)));
  return { child, written, ended: new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal))) };
}

/** Resolves once so many things happened to the files of these folders. */
async function eventsIn(folders: readonly string[], times: number): Promise<void> {
  let left = times;
  const watchers: FSWatcher[] = [];
  await new Promise<void>((done) => {
    for (const each of folders)
      watchers.push(
        watch(each, () => {
          if (--left <= 0) done();
        }),
      );
  });
  for (const watcher of watchers) watcher.close();
}

test("folders are for their owner alone and so are files, after each write and each rotation; nothing in them is in clear", async () => {
  const places = await filled();
  const { vault, store } = instanceOf(places);
  const look = (): void => {
    expect([places.folder, join(places.keyFile, "..")].map(modeOf)).toEqual(["700", "700"]);
    const files = [...readdirSync(places.folder).map((name) => join(places.folder, name)), places.keyFile, join(places.root, "seen")];
    expect(files.map(modeOf)).toEqual(files.map(() => "600"));
    for (const file of files) expect(readFileSync(file, "latin1")).not.toMatch(/canary|token/);
  };
  const lease = await store("a").lease("token", 60_000);
  await store("a").publish("token", "canary-published");
  look();
  await vault.rotate();
  await store("a").set("other", "canary-too");
  look();
  expect(await store("a").get("token")).toBe("canary-in-the-vault");
  expect(await lease?.renew(60_000), "a lease outlives a rotation").toBe(true);
  expect(readdirSync(places.folder).sort()).toEqual(["live", "vault"]);
});

test("a vault is made by the first write, not by who reads", async () => {
  const places = placesIn(folder.path);
  const { vault, store } = instanceOf(places);
  expect([await store("a").get("x"), await vault.read(), await vault.readLive()]).toEqual([undefined, undefined, undefined]);
  expect([existsSync(places.folder), existsSync(places.keyFile)]).toEqual([false, false]);
});

test.each<[string, (places: Places) => void, RegExp]>([
  ["the key file may be read by others", ({ keyFile }) => chmodSync(keyFile, 0o640), /others may use .*vault\.key; run `chmod 600/],
  ["the vault may be read by others", (places) => chmodSync(vaultIn(places), 0o604), /others may use .*vault; run `chmod 600/],
  ["the folder may be entered by others", ({ folder }) => chmodSync(folder, 0o750), /others may use .*vault; run `chmod 700/],
  [
    "the key file is a link",
    ({ keyFile }) => {
      renameSync(keyFile, `${keyFile}.elsewhere`);
      symlinkSync(`${keyFile}.elsewhere`, keyFile);
    },
    /vault\.key is a link/,
  ],
  [
    "the vault is a link",
    (places) => {
      renameSync(vaultIn(places), `${places.root}/moved`);
      symlinkSync(`${places.root}/moved`, vaultIn(places));
    },
    /vault is a link/,
  ],
  [
    "the key file is a folder",
    ({ keyFile }) => {
      renameSync(keyFile, `${keyFile}.elsewhere`);
      mkdirSync(keyFile, { mode: 0o700 });
    },
    /is not a file/,
  ],
  [
    "the key file is gone",
    ({ keyFile }) => renameSync(keyFile, `${keyFile}.elsewhere`),
    /key file .* is not there, which opens the vault .*; put it back/,
  ],
  ["the key file has no key", ({ keyFile }) => writeFileSync(keyFile, "# nothing\n"), /there is no age identity in the key file/],
  ["the vault is empty", (places) => writeFileSync(vaultIn(places), ""), /is damaged: its first line is no header/],
  [
    "the vault is of a later version",
    (places) => writeFileSync(vaultIn(places), readFileSync(vaultIn(places), "latin1").replace('"version":1', '"version":2'), "latin1"),
    /a later version of @host\/plugin-vault wrote/,
  ],
])("where %s, nothing is read or written, and it is said why", async (_what, spoil, message) => {
  const places = await filled();
  spoil(places);
  const before = readFileSync(vaultIn(places));
  const keys = readdirSync(join(places.keyFile, ".."));
  const { vault, store } = instanceOf(places);
  await expect(store("a").get("token")).rejects.toThrow(message);
  await expect(store("a").set("token", "new")).rejects.toThrow(message);
  await expect(vault.rotate()).rejects.toThrow(message);
  expect(readFileSync(vaultIn(places))).toEqual(before);
  expect(readdirSync(join(places.keyFile, ".."))).toEqual(keys);
});

test("a key of another vault opens nothing, and more keys in one file are no matter", async () => {
  const places = await filled();
  const right = readFileSync(places.keyFile, "utf8");
  const other = await generateX25519Identity();
  writeFileSync(places.keyFile, `${other}\n`);
  await expect(instanceOf(places).store("a").get("token")).rejects.toThrow(/has another key than that of the vault/);
  writeFileSync(places.keyFile, `${other}\n${right}`);
  expect(await instanceOf(places).store("a").get("token")).toBe("canary-in-the-vault");
  await instanceOf(places).vault.rotate();
  expect(readFileSync(places.keyFile, "utf8"), "what may open another vault stays").toContain(other);
  expect(readFileSync(places.keyFile, "utf8")).not.toContain(right.split("\n").find((line) => line.startsWith("AGE-")));
});

test("whatever bit is flipped, and wherever the file is cut, it is seen and told; the file is left alone", async () => {
  const places = await filled({ a: "x".repeat(500) });
  const whole = readFileSync(vaultIn(places));
  const spoilt: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 61) {
    const copy = Buffer.from(whole);
    copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
    spoilt.push(copy, whole.subarray(0, at));
  }
  spoilt.push(whole.subarray(0, -1), Buffer.concat([whole, Buffer.from("x")]));
  expect(spoilt.length).toBeGreaterThan(30);
  for (const bytes of spoilt) {
    writeFileSync(vaultIn(places), bytes);
    const { store } = instanceOf(places);
    await expect(store("a").get("a")).rejects.toThrow(/damaged|another key|no header|later version|the config says "key"/);
    await expect(store("a").set("b", 1)).rejects.toThrow();
    expect(readFileSync(vaultIn(places)).equals(bytes)).toBe(true);
  }
  writeFileSync(vaultIn(places), whole);
  expect(await instanceOf(places).store("a").get("a")).toHaveLength(500);
}, 60_000);

test("the header and the records of two vaults with one key cannot be mixed", async () => {
  const places = await filled({ a: "first" });
  const other = { ...places, folder: join(places.root, "other") };
  await instanceOf(other).store("a").set("a", "second");
  const [one, two] = [vaultIn(places), vaultIn(other)].map((path) => readFileSync(path)) as [Buffer, Buffer];
  const mixed = Buffer.concat([one.subarray(0, one.indexOf("\n") + 1), two.subarray(two.indexOf("\n") + 1)]);
  writeFileSync(vaultIn(places), mixed);
  await expect(instanceOf(places).store("a").get("a")).rejects.toThrow("its records do not fit its keys");
});

test("who knows the recipient alone, which is no secret, cannot write a vault", async () => {
  const places = await filled();
  const [line = ""] = readFileSync(vaultIn(places), "latin1").split("\n", 1);
  const header = JSON.parse(line);
  const { Encrypter } = await import("age-encryption");
  const encrypter = new Encrypter();
  encrypter.addRecipient(header.recipient);
  const dataKey = Buffer.alloc(32, 7);
  const forged = `${JSON.stringify({ ...header, dataKey: Buffer.from(await encrypter.encrypt(dataKey)).toString("base64") })}\n`;
  const records = seal(dataKey, JSON.stringify({ generation: 1, liveKey: "", stores: [] }), forged);
  writeFileSync(vaultIn(places), Buffer.concat([Buffer.from(forged), records]));
  await expect(instanceOf(places).store("a").get("token")).rejects.toThrow("its records do not fit its keys");
});

test("an earlier copy that was put back is told, by who saw the later one and by who comes after; the next write heals it", async () => {
  const places = await filled({ token: "old" });
  copyFileSync(vaultIn(places), `${places.root}/copy`);
  const running = instanceOf(places);
  await running.store("a").set("token", "new");
  copyFileSync(`${places.root}/copy`, vaultIn(places));
  const told = [expect.stringContaining("the vault is older than it was")];
  expect(await running.store("a").get("token")).toBe("old");
  await running.store("a").get("token");
  expect(running.warnings).toEqual(told);
  const later = instanceOf(places);
  expect(await later.store("a").get("token")).toBe("old");
  expect(later.warnings).toEqual(told);
  await later.store("a").set("token", "newer");
  const last = instanceOf(places);
  expect(await last.store("a").get("token")).toBe("newer");
  expect(last.warnings).toEqual([]);
});

test("the data key is an age file that age's own format opens", async () => {
  const places = await filled();
  const header = JSON.parse(readFileSync(vaultIn(places), "latin1").split("\n", 1)[0] ?? "");
  const identity = readFileSync(places.keyFile, "utf8").match(/^AGE-SECRET-KEY-1.*$/m)?.[0] ?? "";
  expect(header).toMatchObject({ format: "mcp-host-vault", version: 1, source: "file", recipient: await identityToRecipient(identity) });
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  expect(await decrypter.decrypt(Buffer.from(header.dataKey, "base64"))).toHaveLength(32);
});

test("processes that write at once lose nothing, and those that are killed leave a sound vault without leftovers of their lock", async () => {
  const places = await filled();
  const { store, vault } = instanceOf(places);
  for (let round = 0; round < 3; round++) {
    const writers = [writer(places, `one ${round}`), writer(places, `two ${round}`)];
    const adding = Array.from({ length: 20 }, () => store("mine").increment("n"));
    await vi.waitFor(() => expect(Math.min(...writers.map(({ written }) => written.length))).toBeGreaterThan(15), 30_000);
    await Promise.all(adding);
    for (const { child } of writers) child.kill("SIGKILL");
    await Promise.all(writers.map(({ ended }) => ended));
    for (const [index, { written }] of writers.entries())
      expect(await store(`${index === 0 ? "one" : "two"} ${round}`).get("count")).toBeGreaterThanOrEqual(written.at(-1) ?? 0);
  }
  expect(await store("mine").get("n")).toBe(60);
  await store("mine").set("after", 1);
  expect(existsSync(join(places.folder, "lock"))).toBe(false);
  for (const name of readdirSync(places.folder).filter((each) => each.endsWith(".draft"))) utimesSync(join(places.folder, name), 0, 0);
  await store("mine").set("tidied", 1);
  expect(
    readdirSync(places.folder).filter((name) => name.startsWith("vault")),
    "drafts of who was killed go",
  ).toEqual(["vault"]);
  expect(await vault.read()).toBeDefined();
}, 90_000);

test("a rotation that is killed at any moment leaves a vault that its key opens", async () => {
  const places = await filled();
  for (let round = 0; round < 6; round++) {
    const rotating = writer(places, "a", { rotates: true });
    await vi.waitFor(() => expect(rotating.written.length).toBeGreaterThan(1), 30_000);
    await eventsIn([places.folder, join(places.keyFile, "..")], 1 + round * 3); // another moment each time
    rotating.child.kill("SIGKILL");
    await rotating.ended;
    expect(await instanceOf(places).store("a").get("token")).toBe("canary-in-the-vault");
  }
  await instanceOf(places).vault.rotate();
  expect(readFileSync(places.keyFile, "utf8").match(/^AGE-/gm)?.length).toBeLessThanOrEqual(7);
}, 60_000);

test("a running process goes on over a rotation of another's, and reads what that writes", async () => {
  const places = await filled();
  const [running, other] = [instanceOf(places), instanceOf(places)];
  expect(await running.store("a").get("token")).toBe("canary-in-the-vault");
  await other.vault.rotate();
  await other.store("a").set("token", "after the rotation");
  expect(await running.store("a").get("token")).toBe("after the rotation");
  await running.store("a").set("b", 1);
  expect(await other.store("a").get("b")).toBe(1);
});

test("a passphrase opens the vault, another one does not, and nothing is written with it", async () => {
  const places = placesIn(folder.path);
  const source = (passphrase: string) => new Passphrase(passphrase, 10);
  await instanceOf(places, source("the right passphrase")).store("a").set("token", 1);
  expect(existsSync(places.keyFile)).toBe(false);
  expect(await instanceOf(places, source("the right passphrase")).store("a").get("token")).toBe(1);
  const before = readFileSync(vaultIn(places));
  const wrong = instanceOf(places, source("another passphrase")).store("a");
  await expect(wrong.get("token")).rejects.toThrow("the passphrase is not the one of the vault");
  await expect(wrong.set("token", 2)).rejects.toThrow("the passphrase is not the one of the vault");
  expect(readFileSync(vaultIn(places)).equals(before)).toBe(true);
  await expect(instanceOf(places).store("a").get("token")).rejects.toThrow(/is kept in "passphrase", and the config says "key": "file"/);
});

test("the key moves from a file to a passphrase and back, and the passphrase can be another", async () => {
  const places = await filled();
  const file = (): KeyFile => new KeyFile(places.keyFile);
  const [first, second] = ["the first passphrase", "the second passphrase"].map((each) => new Passphrase(each, 10)) as [
    Passphrase,
    Passphrase,
  ];
  await instanceOf(places, file()).vault.rotate(first);
  await instanceOf(places, first).vault.rotate(second);
  await expect(instanceOf(places, new Passphrase("the first passphrase", 10)).store("a").get("token")).rejects.toThrow("is not the one");
  expect(await instanceOf(places, new Passphrase("the second passphrase", 10)).store("a").get("token")).toBe("canary-in-the-vault");
  await instanceOf(places, second).vault.rotate(file());
  expect(await instanceOf(places).store("a").get("token")).toBe("canary-in-the-vault");
});

test("a lock of a process that is gone is taken over, and one of somebody who lives is not", async () => {
  const places = await filled();
  const lock = join(places.folder, "lock");
  const gone = spawn(process.execPath, ["-e", ""]);
  await new Promise((done) => gone.once("exit", done));
  const { hostname } = await import("node:os");
  const boot = existsSync("/proc/sys/kernel/random/boot_id") ? readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() : "";
  const holder = { token: "t", pid: gone.pid, host: hostname(), boot };
  writeFileSync(lock, JSON.stringify(holder), { mode: 0o600 });
  await instanceOf(places).store("a").set("b", 1);
  writeFileSync(lock, JSON.stringify({ ...holder, pid: process.pid, boot: `${boot} of another start` }), { mode: 0o600 });
  await instanceOf(places).store("a").set("b", 2);
  writeFileSync(lock, JSON.stringify({ ...holder, pid: process.ppid }), { mode: 0o600 });
  let written = false;
  const waiting = instanceOf(places).store("a").set("b", 3);
  void (waiting as Promise<void>).then(() => (written = true));
  const meanwhile = spawn(process.execPath, ["-e", ""]);
  await new Promise((done) => meanwhile.once("exit", done)); // which takes longer than a write
  expect(written).toBe(false);
  utimesSync(lock, 0, 0); // for a minute nobody touched it
  await waiting;
  expect(await instanceOf(places).store("a").get("b")).toBe(3);
});

test("what does not fit is refused, and the vault stays as it is", async () => {
  const places = await filled();
  const { store } = instanceOf(places);
  await expect(store("a").set("large", "x".repeat(17 * 1024 ** 2))).rejects.toThrow("would have more than 16 MB");
  expect(await store("a").get("token")).toBe("canary-in-the-vault");
  expect(await store("a").get("large")).toBeUndefined();
});

test("what a passphrase opens is what age's own implementation writes and reads", async () => {
  const { Encrypter } = await import("age-encryption");
  const { ScryptPassphrase } = await import("../dist/scrypt.js");
  const theirs = new Encrypter();
  theirs.setPassphrase("the passphrase");
  theirs.setScryptWorkFactor(10);
  const ours = new Encrypter();
  ours.addRecipient(new ScryptPassphrase("the passphrase", 10));
  const [reader, other, wrong] = [new Decrypter(), new Decrypter(), new Decrypter()];
  reader.addIdentity(new ScryptPassphrase("the passphrase"));
  other.addPassphrase("the passphrase");
  wrong.addIdentity(new ScryptPassphrase("another passphrase"));
  const written = await theirs.encrypt("text");
  expect(await reader.decrypt(written, "text")).toBe("text");
  expect(await other.decrypt(await ours.encrypt("text"), "text")).toBe("text");
  await expect(wrong.decrypt(written)).rejects.toThrow("no identity matched");
  const greedy = Buffer.from(Buffer.from(written).toString("latin1").replace(" 10\n", " 25\n"), "latin1");
  await expect(reader.decrypt(greedy)).rejects.toThrow("work factor is too high");
});

test("who lost the lock while it was held up does not write over what another wrote meanwhile", async () => {
  const places = await filled();
  const { vault, store } = instanceOf(places);
  const lock = join(places.folder, "lock");
  const late = vault.change(({ document, changed }) => {
    document.stores.clear();
    writeFileSync(lock, JSON.stringify({ token: "another", pid: 1, host: "elsewhere", boot: "" })); // as whoever took it over writes it
    changed();
  });
  await expect(late).rejects.toThrow("another process took the lock");
  expect(readdirSync(places.folder).sort(), "nothing is left of the attempt, and the lock is another's").toEqual(["lock", "vault"]);
  utimesSync(lock, 0, 0); // for a minute nobody touched it
  expect(await store("a").get("token")).toBe("canary-in-the-vault");
  await store("a").set("b", 1);
  expect(await store("a").get("token")).toBe("canary-in-the-vault");
});

test("a change that throws is its own affair: those beside it are written", async () => {
  const { store } = instanceOf(placesIn(folder.path));
  const one = store("a").set("one", 1);
  const bad = Promise.resolve(
    store("a").update("two", () => {
      throw new Error("no");
    }),
  );
  const three = store("a").increment("three");
  await expect(bad).rejects.toThrow("no");
  await Promise.all([one, three]);
  expect([await store("a").get("one"), await store("a").get("two"), await store("a").get("three")]).toEqual([1, undefined, 1]);
});

test("what is shared and does not last may be damaged: it begins anew, and the vault is as it was", async () => {
  const places = await filled();
  const { store } = instanceOf(places);
  const lease = await store("a").lease("job", 60_000);
  writeFileSync(join(places.folder, "live"), "half of it");
  expect(await lease?.renew(60_000)).toBe(false);
  expect(await store("a").lease("job", 60_000)).toBeDefined();
  expect(await store("a").get("token")).toBe("canary-in-the-vault");
});

test.skipIf(process.platform === "win32").each([0, 1, 4, 20])(
  "what cannot be written since no file may have more than %i kB leaves the vault as it was, without a lock",
  async (kilobytes) => {
    const places = placesIn(folder.path);
    mkdirSync(join(places.keyFile, ".."), { mode: 0o700 });
    const { written, ended } = writer(places, "a", { kilobytes });
    expect(await ended).not.toBe(0);
    const left = existsSync(places.folder) ? readdirSync(places.folder) : [];
    expect(left).toEqual(written.length > 0 ? ["vault"] : []);
    const { store } = instanceOf(places);
    expect((await store("a").get("count")) ?? 0).toBe(written.at(-1) ?? 0);
    await store("a").set("more", 1);
    expect(await store("a").get("more")).toBe(1);
  },
);
