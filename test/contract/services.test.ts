import { definePlugin } from "mcp-host";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import badWords from "./bad-words.ts";
import moderation, { MODERATION } from "./moderation.ts";

testPlugin(moderation, {
  test,
  module: new URL("./moderation.ts", import.meta.url),
  options: { max: 100_000 },
  badOptions: [{ options: { max: 0 }, place: "plugins[0].options.max", hint: ">0" }],
});
testPlugin(badWords, {
  test,
  module: new URL("./bad-words.ts", import.meta.url),
  beside: [{ module: new URL("./moderation.ts", import.meta.url) }],
  options: { words: ["blast"] },
  badOptions: [{ options: { words: "blast" }, place: "plugins[0].options.words", hint: "array" }],
});

const server = () => fakeUpstream({ tools: { say: ({ text }) => String(text) } });

test("a plugin judges by the hook of another, wherever in the config they are", async () => {
  for (const plugins of [
    [moderation(), badWords({ words: ["blast"] })],
    [badWords({ words: ["blast"] }), moderation()],
  ]) {
    await using host = await createTestHost({ plugins, upstreams: { server: server() } });
    await host.client.callTool("say", { text: "well" });
    await expect(host.client.callTool("say", { text: "blast it" })).rejects.toMatchObject({
      code: -31403,
      message: "the arguments are rude",
    });
  }
});

test("what is missing or there twice stops the start and is named", async () => {
  await expect(createTestHost({ plugins: [badWords()] })).rejects.toThrow(/bad-words.*moderation/);
  await expect(createTestHost({ plugins: [moderation(), { use: moderation(), id: "second" }] })).rejects.toThrow(/second.*moderation/);
  const alone = definePlugin({
    name: "alone",
    host: "^1.0.0",
    apply: (host) => host.hooks.ready.tap("alone", () => void host.use(MODERATION)),
  });
  await expect(createTestHost({ plugins: [alone()] })).rejects.toThrow(/alone.*moderation/);
});

test("a reload that changes the one that provides keeps the judges", async () => {
  const upstreams = server();
  await using host = await createTestHost({ plugins: [moderation(), badWords({ words: ["blast"] })], upstreams: { server: upstreams } });
  for (const max of [100, 200]) {
    await host.host.reload({
      mcpServers: { server: { transport: upstreams.transport } },
      plugins: [moderation({ max }), badWords({ words: ["blast"] })],
    });
    await expect(host.client.callTool("say", { text: "blast it" })).rejects.toMatchObject({ message: "the arguments are rude" });
    await host.client.callTool("say", { text: "well" });
  }
  await host.host.reload({ mcpServers: { server: { transport: upstreams.transport } }, plugins: [moderation({ max: 200 })] });
  await host.client.callTool("say", { text: "blast it" });
});
