import type { Host } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";
import { SCRIPTED, scripted } from "../harness/scripted.ts";

const statusOf = (host: Host) => host.status().upstreams[0];

/** States that it went through. */
const statesOf = ({ logs }: TestHost): unknown[] =>
  logs.filter(({ message }) => /changed its state/.test(String(message))).map(({ state }) => state);

/** Counts the pings, which a server tells by `ok`. */
const pings = (client: RawHttp) => async () => (await client.call("ok")).result.structuredContent.pings as number;
const COUNTING = `
  if (method === "ping") state.pings = (state.pings ?? 0) + 1;
  if (params.name === "ok") return { content: [], structuredContent: { pings: state.pings ?? 0 } };`;

describe.each(Object.entries(SCRIPTED))("a server over %s", (_, make) => {
  test("that answers calls and never a ping lives on", async () => {
    const { server, close } = await make(`${COUNTING} if (method === "ping") return null;`);
    await using running = await startHost({ mcpServers: { one: { ...server, healthInterval: 100 } } });
    const client = await RawHttp.open(running.url);
    // Quiet for longer than three pings may take; then it has been asked otherwise.
    await vi.waitFor(() => expect(statesOf(running)).toContain("degraded"), 5_000);
    await vi.waitFor(() => expect(statusOf(running.host)?.state).toBe("ready"), 5_000);
    const quiet = performance.now() + 1_000;
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(quiet), 5_000);
    expect(await pings(client)()).toBe(3);
    expect(statusOf(running.host)).toMatchObject({ state: "ready", restarts: 0 });
    expect(statesOf(running).filter((state) => state === "connecting")).toHaveLength(1);
    await running.host.close();
    await close();
  });

  test("that answers pings with an error lives on, and is not asked otherwise", async () => {
    const { server, close } = await make(`${COUNTING} if (method === "ping") return new Error("Method not found");`);
    await using running = await startHost({ mcpServers: { one: { ...server, healthInterval: 50 } } });
    const client = await RawHttp.open(running.url);
    await vi.waitFor(async () => expect(await pings(client)()).toBeGreaterThan(1), { timeout: 5_000, interval: 200 });
    // On a loaded machine an answer may come later than the next ping is due; that the connection lives on is what counts.
    expect(statesOf(running).filter((state) => state !== "ready" && state !== "degraded")).toEqual(["connecting"]);
    await running.host.close();
    await close();
  });
});

test("an answered call between lost pings makes them count anew", async () => {
  const server = scripted(`${COUNTING} if (method === "ping" || (method === "tools/list" && state.pings)) return null;`);
  await using running = await startHost({ mcpServers: { one: { ...server, healthInterval: 150 } } });
  const client = await RawHttp.open(running.url);
  const count = pings(client);
  // Twice as many pings as a server may lose in a row, none of them answered.
  await vi.waitFor(async () => expect(await count()).toBeGreaterThanOrEqual(6), { timeout: 10_000, interval: 310 });
  expect(statusOf(running.host)?.restarts).toBe(0);
});

test("a server that answers nothing any more is ended", async () => {
  const server = scripted(`if (params.name === "bad") state.isDeaf = true; if (state.isDeaf) return null;`);
  await using running = await startHost({ mcpServers: { one: { ...server, healthInterval: 100, timeout: 300 } } });
  const client = await RawHttp.open(running.url);
  await client.call("bad");
  await vi.waitFor(() => expect(statusOf(running.host)?.restarts).toBe(1), 5_000);
  expect(running.logs.find(({ message }) => message === "an upstream was lost")?.reason).toMatch(/does not answer/);
});
