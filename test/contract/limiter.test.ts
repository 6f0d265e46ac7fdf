import { createTestHost, FakeClock, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import limiter from "./limiter.ts";

testPlugin(limiter, {
  test,
  module: new URL("./limiter.ts", import.meta.url),
  options: { tools: { rate: 1000, burst: 1000 } },
  badOptions: [{ options: { edge: { rate: 0, burst: 1 } }, place: "plugins[0].options.edge.rate", hint: ">0" }],
});

const server = () => fakeUpstream({ tools: { a: () => "a", b: () => "b" } });

test("a bucket for each principal and tool", async () => {
  const clock = new FakeClock();
  await using host = await createTestHost({
    plugins: [limiter({ tools: { rate: 1, burst: 2 } })],
    upstreams: { server: server() },
    client: false,
    clock,
  });
  const [ann, again, bob] = [
    await host.connect({ principal: { id: "ann", roles: [] } }),
    await host.connect({ principal: { id: "ann", roles: [] } }),
    await host.connect({ principal: { id: "bob", roles: [] } }),
  ];
  const all = await Promise.allSettled([ann, again, ann, again].map((client) => client.callTool("a")));
  expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  await expect(ann.callTool("a")).rejects.toMatchObject({ code: -31429, data: { type: "rate_limited", retryAfterMs: 1_000 } });
  await ann.callTool("b");
  await bob.callTool("a");
  await clock.advance(1_000);
  await again.callTool("a");
  await expect(ann.callTool("a")).rejects.toMatchObject({ code: -31429 });
});

test("a bucket for each address", async () => {
  await using host = await createTestHost({
    plugins: [limiter({ edge: { rate: 0.5, burst: 2 } })],
    upstreams: { server: server() },
    client: false,
    clock: new FakeClock(),
    config: { listen: { port: 0 } },
  });
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await fetch(host.host.url!, { method: "POST" }));
  expect(answers.map(({ status }) => status)).toEqual([415, 415, 429]);
  expect(answers[2]!.headers.get("retry-after")).toBe("2");
  expect((await fetch(new URL("/healthz", host.host.url))).status).toBe(200);
});
