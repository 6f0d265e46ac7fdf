import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Decrypter, Encrypter } from "age-encryption";
import { expect, test } from "vitest";
import { MARKED, temporary } from "../../../test/harness/hosts.ts";
import { Keyring } from "../dist/keyring.js";
import { instanceOf, placesIn } from "./opened.ts";

const isThere = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { stdio: "ignore", timeout: 20_000 }).error === undefined;
const hasKeyring = process.platform === "linux" && isThere("gnome-keyring-daemon", "--version") && isThere("dbus-run-session", "--version");
const hasAge = isThere("age", "--version");
if (!hasKeyring) console.warn("the keyring is not tried: gnome-keyring-daemon and dbus-run-session are not there; .ci/tools installs them");
if (!hasAge) console.warn("age's own program is not tried: it is not there; .ci/tools installs it");

const SCRIPT = join(import.meta.dirname, "keyring.mjs");

/** What keyring.mjs says in a session of its own, whose keyring is unlocked, or of which none is there. */
async function session(folder: string, setUp: string): Promise<Record<string, string>> {
  mkdirSync(join(folder, "home"));
  const line = `${setUp}; exec "$0" "$1" "$2"`;
  const child = spawn("dbus-run-session", ["--", "bash", "-c", line, process.execPath, SCRIPT, folder], {
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      ...process.env,
      ...MARKED,
      HOME: join(folder, "home"),
      XDG_DATA_HOME: join(folder, "home", "data"),
      XDG_RUNTIME_DIR: join(folder, "home"),
    },
  });
  let said = "";
  child.stdout.on("data", (chunk) => (said += chunk));
  await new Promise((done) => child.once("close", done));
  return JSON.parse(said);
}

test.skipIf(!hasKeyring)(
  "the key of a vault is in the keyring of the session, and nowhere else; it is rotated there",
  async () => {
    using folder = temporary();
    const said = await session(
      folder.path,
      'eval "$(printf "a password\\n" | gnome-keyring-daemon --unlock --components=secrets 2>/dev/null)"',
    );
    expect(said).toEqual({
      read: "in the keyring's vault",
      rotated: "in the keyring's vault",
      header: "keyring",
      other: expect.stringContaining("the keyring's entry mcp-host / another account is not there, which opens the vault"),
    });
    const files = readdirSync(folder.path, { recursive: true, encoding: "utf8" });
    expect(files.filter((name) => name.endsWith(".keyring"))).not.toEqual([]);
    for (const name of ["vault/vault", "seen"])
      expect(readFileSync(join(folder.path, name), "latin1")).not.toMatch(/AGE-SECRET|in the keyring/);
  },
  60_000,
);

test.skipIf(!hasKeyring)(
  "a session without a keyring, or with one that nobody unlocked, is told within the deadline, and no key is put elsewhere",
  async () => {
    for (const setUp of ["true", "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1 </dev/null"]) {
      using folder = temporary();
      const said = await session(folder.path, setUp);
      expect(said.error).toMatch(/^locked: .*(cannot be (read|written)|no keyring here).*"key" to "file" or "passphrase"/);
      expect(readdirSync(folder.path).sort()).toEqual(["home", "vault"]);
      expect(readdirSync(join(folder.path, "vault"))).toEqual([]);
    }
  },
  60_000,
);

test.skipIf(!hasAge)("age's own program opens the data key with the key file, and writes what this reads", async () => {
  using folder = temporary();
  const places = placesIn(folder.path, "age");
  await instanceOf(places).store("a").set("token", 1);
  const header = JSON.parse(readFileSync(join(places.folder, "vault"), "latin1").split("\n", 1)[0] ?? "");
  writeFileSync(join(folder.path, "wrapped"), Buffer.from(header.dataKey, "base64"));
  const opened = spawnSync("age", ["-d", "-i", places.keyFile, join(folder.path, "wrapped")]);
  expect([opened.status, opened.stdout.length]).toEqual([0, 32]);
  const encrypted = spawnSync("age", ["-r", header.recipient], { input: "from age itself" });
  const decrypter = new Decrypter();
  decrypter.addIdentity(readFileSync(places.keyFile, "utf8").match(/^AGE-SECRET-KEY-1.*$/m)?.[0] ?? "");
  expect(await decrypter.decrypt(encrypted.stdout, "text")).toBe("from age itself");
  const ours = new Encrypter();
  ours.addRecipient(header.recipient);
  const back = spawnSync("age", ["-d", "-i", places.keyFile], { input: await ours.encrypt("from here") });
  expect(back.stdout.toString()).toBe("from here");
});

test("nothing but identities of age is put into a keyring", async () => {
  await expect(new Keyring("test").write(["a token"])).rejects.toThrow();
});
