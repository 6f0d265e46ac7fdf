import { expect, test, vi } from "vitest";
import { home, run } from "../../../test/harness/cli.ts";
import { fileIn, opened } from "./opened.ts";
import { hostProcess } from "./process.ts";

const config = { mcpServers: {}, plugins: [["@host/plugin-sqlite", { file: "store.sqlite" }]] };

test("a process that is killed while it writes leaves a sound file with all that it was told is written; another goes on meanwhile", async () => {
  using at = home(config);
  const other = await hostProcess(fileIn(at));
  for (let round = 0; round < 3; round++) {
    const store = `round ${round}`;
    const killed = await hostProcess(fileIn(at));
    const ended = expect(killed.ask("write", { store })).rejects.toThrow("the process ended with SIGKILL");
    await other.ask("add", { store: "other", key: "n", times: 20 });
    await vi.waitFor(() => expect(killed.written.length).toBeGreaterThan(100));
    killed.child.kill("SIGKILL");
    expect(await killed.exited).toBe("SIGKILL");
    await ended;
    const last = killed.written.at(-1) ?? 0;
    expect(await other.ask("get", { store, key: "count" })).toBeGreaterThanOrEqual(last);
    expect(await other.ask("get", { store, key: `key ${last}` })).toHaveLength(2_000);
    const { code, stdout } = await run(at, ["sqlite", "check", "--json"]);
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ ok: true, faults: [] })]);
  }
  expect(await other.ask("get", { store: "other", key: "n" })).toBe(60);
  await other.close();
  // Nobody has it open any more: the next one finds what the killed ones left.
  await using host = await opened({ file: fileIn(at) });
  expect(await host.store("other").increment("n")).toBe(61);
});

test("all who have the file open are killed, and it is sound", async () => {
  using at = home(config);
  const hosts = await Promise.all([hostProcess(fileIn(at)), hostProcess(fileIn(at))]);
  const ended = hosts.map((host, index) => expect(host.ask("write", { store: `${index}` })).rejects.toThrow("SIGKILL"));
  await vi.waitFor(() => expect(Math.min(...hosts.map(({ written }) => written.length))).toBeGreaterThan(50));
  for (const { child } of hosts) child.kill("SIGKILL");
  await Promise.all(ended);
  expect((await run(at, ["sqlite", "check"])).stdout).toContain("is sound");
  await using host = await opened({ file: fileIn(at) });
  for (const [index, { written }] of hosts.entries())
    expect(await host.store(`${index}`).get("count")).toBeGreaterThanOrEqual(written.at(-1) ?? 0);
});

test("a process that ends itself while its thread writes does not crash", async () => {
  using at = home(config);
  for (let round = 0; round < 5; round++) {
    const host = await hostProcess(fileIn(at));
    void host.ask("exit", { store: "a" }).catch(() => {}); // it ends before it answers, or after
    expect(await host.exited).toBe(0);
  }
  expect((await run(at, ["sqlite", "check"])).code).toBe(0);
});
