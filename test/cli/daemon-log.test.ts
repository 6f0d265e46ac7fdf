import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { LogFile } from "../../packages/host/dist/cli/daemon/log-file.js";
import { home, run } from "../harness/cli.ts";
import { httpTransport, sdkClient } from "../harness/clients.ts";
import { linesOf, lives, startDaemon } from "../harness/daemons.ts";
import { temporary, upstream } from "../harness/hosts.ts";

/** The files of a log, the oldest first. */
function filesOf(log: string): string[] {
  const age = (name: string): number => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0);
  return readdirSync(join(log, ".."))
    .filter((name) => name === "host.log" || name.startsWith("host.log."))
    .sort((a, b) => age(b) - age(a))
    .map((name) => join(log, "..", name));
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index} ${"x".repeat(index % 50)}`);

test("rotation loses no line, splits none, and keeps sizes and numbers within their bounds", () => {
  using folder = temporary();
  const path = join(folder.path, "host.log");
  const all = new LogFile(path, { size: 1000, files: 100, recovered: () => {} });
  const few = new LogFile(join(folder.path, "few", "host.log"), { size: 1000, files: 2, recovered: () => {} });
  for (const line of numbered(1000)) for (const log of [all, few]) log.write(`${line}\n`);
  const texts = filesOf(path).map((file) => readFileSync(file, "utf8"));
  expect(texts.length).toBeGreaterThan(30);
  for (const text of texts) {
    expect(text.length).toBeLessThanOrEqual(1000);
    expect(text.endsWith("\n")).toBe(true);
  }
  expect(texts.join("")).toBe(`${numbered(1000).join("\n")}\n`);
  const kept = filesOf(few.path).map((file) => readFileSync(file, "utf8"));
  expect(kept).toEqual(texts.slice(-3));
});

test("a line that is written in parts stays whole, and one that is longer than a file has a file of its own", () => {
  using folder = temporary();
  const path = join(folder.path, "host.log");
  const log = new LogFile(path, { size: 1000, files: 5, recovered: () => {} });
  log.write(`${"a".repeat(990)}`);
  log.write("b".repeat(20));
  log.write("\n");
  log.write(new TextEncoder().encode(`${"c".repeat(3000)}\n`));
  log.write("d\n");
  expect(filesOf(path).map((file) => readFileSync(file, "utf8"))).toEqual([
    `${"a".repeat(990)}${"b".repeat(20)}\n`,
    `${"c".repeat(3000)}\n`,
    "d\n",
  ]);
  const none = new LogFile(join(folder.path, "none", "host.log"), { size: 1000, files: 0, recovered: () => {} });
  for (const line of numbered(200)) none.write(`${line}\n`);
  expect(filesOf(none.path)).toHaveLength(1);
  expect(readFileSync(none.path, "utf8")).toMatch(/line 199 x+\n$/);
});

test("a log that was moved, removed or emptied goes on, and one whose folder is gone makes it anew", () => {
  using folder = temporary();
  const path = join(folder.path, "log", "host.log");
  const log = new LogFile(path, { size: 1000, files: 5, recovered: () => {} });
  log.write("one\n");
  renameSync(path, `${path}.moved`);
  log.write("two\n");
  expect(readFileSync(`${path}.moved`, "utf8")).toBe("one\n");
  expect(readFileSync(path, "utf8")).toBe("two\n");
  rmSync(join(folder.path, "log"), { recursive: true });
  log.write("three\n");
  expect(readFileSync(path, "utf8")).toBe("three\n");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a full disk loses lines, which are counted, and nothing else", () => {
  using folder = temporary();
  const path = join(folder.path, "host.log");
  symlinkSync("/dev/full", path);
  const told: unknown[] = [];
  const log = new LogFile(path, { size: 1000, files: 5, recovered: (...loss) => told.push(loss) });
  expect(() => log.check()).not.toThrow();
  log.write("one\n");
  log.write("two\n");
  expect(() => log.check()).toThrow(`the log file ${path} cannot be written (ENOSPC); name another with --log-file`);
  expect(told).toEqual([]);
  rmSync(path);
  log.write("three\n");
  expect(told).toEqual([[2, "ENOSPC"]]);
  expect(readFileSync(path, "utf8")).toBe("three\n");
  log.write("four\n");
  expect(told).toHaveLength(1);
});

test("a folder that takes no new name makes the log longer, and loses nothing", () => {
  using folder = temporary({});
  const path = join(folder.path, "host.log");
  const log = new LogFile(path, { size: 1000, files: 1, recovered: () => {} });
  // A folder is in the way of the file that is put aside, which holds for root, too.
  using _way = temporary();
  renameSync(_way.path, `${path}.1`);
  for (const line of numbered(100)) log.write(`${line}\n`);
  expect(readFileSync(path, "utf8")).toBe(`${numbered(100).join("\n")}\n`);
  rmSync(`${path}.1`, { recursive: true });
  for (const line of numbered(100)) log.write(`${line}\n`);
  expect(statSync(path).size).toBeLessThanOrEqual(1000);
});

describe.skipIf(process.platform === "win32")("a log file that somebody else may have put there", () => {
  const log = (path: string) => new LogFile(path, { size: 1000, files: 0, recovered: () => {} });

  test("a link in a folder that everybody may write is not followed, sticky or not, wherever on the way it is", () => {
    using folder = temporary({ precious: "mine\n" });
    for (const mode of [0o777, 0o1777]) {
      const open = join(folder.path, `open-${mode}`);
      mkdirSync(open);
      chmodSync(open, mode);
      symlinkSync(join(folder.path, "precious"), join(open, "host.log"));
      symlinkSync(folder.path, join(open, "folder"));
      symlinkSync(join(open, "host.log"), join(folder.path, `own-${mode}`));
      for (const path of [join(open, "host.log"), join(open, "folder", "precious"), join(folder.path, `own-${mode}`)])
        expect(() => log(path)).toThrow(/is a link that another user laid or may lay\); name another with --log-file/);
      log(join(open, "plain.log")).write("x\n");
      linkSync(join(folder.path, "precious"), join(open, "hard.log"));
      expect(() => log(join(open, "hard.log"))).toThrow("the file there is not yours alone");
      rmSync(join(open, "hard.log"));
    }
    expect(readFileSync(join(folder.path, "precious"), "utf8")).toBe("mine\n");
  });

  test("an own link in an own folder is followed, and what is put in a log's place later is not", () => {
    using folder = temporary({ precious: "mine\n" });
    mkdirSync(join(folder.path, "logs"));
    symlinkSync("logs/host.log", join(folder.path, "host.log"));
    log(join(folder.path, "host.log")).write("x\n");
    expect(readFileSync(join(folder.path, "logs", "host.log"), "utf8")).toBe("x\n");
    const open = join(folder.path, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const written = log(join(open, "host.log"));
    rmSync(join(open, "host.log"));
    symlinkSync(join(folder.path, "precious"), join(open, "host.log"));
    written.write("y\n");
    expect(readFileSync(join(folder.path, "precious"), "utf8")).toBe("mine\n");
  });

  test.skipIf(process.getuid?.() !== 0)("a link of another user's is not followed, nor is another's file written in an open folder", () => {
    using folder = temporary({ precious: "mine\n" });
    symlinkSync(join(folder.path, "precious"), join(folder.path, "host.log"));
    lchownSync(join(folder.path, "host.log"), 12345, 12345);
    expect(() => log(join(folder.path, "host.log"))).toThrow("host.log is a link that another user laid");
    const open = join(folder.path, "open");
    mkdirSync(open);
    chmodSync(open, 0o1777);
    writeFileSync(join(open, "host.log"), "");
    chownSync(join(open, "host.log"), 12345, 12345);
    expect(() => log(join(open, "host.log"))).toThrow(/cannot be written/); // by the kernel or by us
    expect(readFileSync(join(folder.path, "precious"), "utf8")).toBe("mine\n");
  });

  test("`start --daemon` refuses it before anything starts", async () => {
    using at = home({ mcpServers: {} }, { precious: "mine\n" });
    const open = join(at.path, "open");
    mkdirSync(open);
    chmodSync(open, 0o1777);
    symlinkSync(join(at.path, "precious"), join(open, "host.log"));
    const { code, stderr } = await run(at, ["start", "--daemon", "--port", "0", "--log-file", "open/host.log"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("host.log is a link that another user laid or may lay") });
    expect(readFileSync(join(at.path, "precious"), "utf8")).toBe("mine\n");
  });
});

test("a daemon rotates its log while it serves, and lives on when the log cannot be written", async () => {
  using at = home({ mcpServers: { a: upstream({ only: ["echo"] }) } });
  const bounds = ["--log-file", "host.log", "--log-size", "2kb", "--log-files", "3", "--debug"];
  await using daemon = await startDaemon(at, bounds);
  const client = sdkClient();
  await client.connect(httpTransport(daemon.url));
  const work = async (calls: number): Promise<void> => {
    for (let call = 0; call < calls; call++) await client.callTool({ name: "echo" });
  };
  await work(100);
  const files = filesOf(daemon.log);
  expect(files).toHaveLength(4);
  for (const file of files) {
    expect(linesOf(file).length).toBeGreaterThan(0);
    expect(statSync(file).size).toBeLessThanOrEqual(2048);
  }
  rmSync(daemon.log);
  symlinkSync("/dev/full", daemon.log);
  await work(10);
  expect(lives(daemon.pid)).toBe(true);
  rmSync(daemon.log);
  await work(10);
  const messages = filesOf(daemon.log).flatMap((file) => linesOf(file).map(({ message }) => message));
  expect(messages).toContain("log lines could not be written and are lost");
  await client.close();
});

test("SIGHUP opens the log anew and does not end the daemon", async () => {
  using at = home({ mcpServers: {} });
  await using daemon = await startDaemon(at);
  renameSync(daemon.log, `${daemon.log}.moved`);
  process.kill(daemon.pid, "SIGHUP");
  await vi.waitFor(() => expect(readFileSync(daemon.log, "utf8")).toContain("the config was read again"));
  expect(await run(at, ["status"])).toMatchObject({ code: 0 });
  expect(await run(at, ["stop"])).toMatchObject({ code: 0 });
  expect(daemon.lines().map(({ message }) => message)).toContain("the host stops: calls in flight may finish");
});

test("a disk that is full at the start is an error of the start", async () => {
  using at = home({ mcpServers: {} });
  symlinkSync("/dev/full", join(at.path, "full.log"));
  const { code, stdout, stderr } = await run(at, ["start", "--daemon", "--port", "0", "--log-file", "full.log"]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("full.log cannot be written (ENOSPC); name another with --log-file");
});
