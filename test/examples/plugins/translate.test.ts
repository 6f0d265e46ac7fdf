import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import translate from "../../../examples/plugins/translate.ts";

testPlugin(translate, {
  test,
  module: new URL("../../../examples/plugins/translate.ts", import.meta.url),
  options: { to: "de", by: "http://127.0.0.1:9/translate", tools: ["nothing"] },
  badOptions: [
    { options: { to: "German", by: "http://127.0.0.1:9/" }, place: "plugins[0].options.to", hint: "pattern" },
    { options: { to: "de", by: "somebody" }, place: "plugins[0].options.by", hint: "URL" },
  ],
});

const words: Record<string, string> = { dog: "Hund", cat: "Katze" };
const pets = () =>
  fakeUpstream({
    tools: {
      pets: () => ({
        content: [
          { type: "text", text: "dog" },
          { type: "image", data: "", mimeType: "image/png" },
          { type: "text", text: "cat" },
        ],
        structuredContent: { pets: ["dog", "cat"] },
      }),
      long: () => "dog ".repeat(100),
      plain: () => "dog",
    },
  });
const texts = ({ content }: { content?: unknown }) => (content as { text?: string }[]).map(({ text }) => text);

test("a function of the program translates texts and nothing else", async () => {
  const asked: string[] = [];
  const by = (all: readonly string[], to: string) => {
    asked.push(to);
    return all.map((text) => words[text] ?? text);
  };
  await using host = await createTestHost({
    plugins: [translate({ to: "de", by, tools: ["pets", "long"], most: 50 })],
    upstreams: { pets: pets() },
  });
  const result = await host.client.callTool("pets");
  expect(texts(result)).toEqual(["Hund", undefined, "Katze"]);
  expect(result.structuredContent).toEqual({ pets: ["dog", "cat"] });
  expect(texts(await host.client.callTool("plain"))).toEqual(["dog"]);
  expect(texts(await host.client.callTool("long"))).toEqual(["dog ".repeat(100)]);
  expect(asked).toEqual(["de"]);
});

test("an HTTP service translates, and what it does not answer well stays as it came", async () => {
  let answer = (q: string[]): string => JSON.stringify({ translatedText: q.map((text) => words[text]) });
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const text = answer((JSON.parse(body) as { q: string[] }).q);
    if (text !== "never") response.writeHead(text === "" ? 503 : 200).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const by = `http://127.0.0.1:${(server.address() as AddressInfo).port}/translate`; // it listens
    const start = (patience?: number) => createTestHost({ plugins: [translate({ to: "de", by, patience })], upstreams: { pets: pets() } });
    await using well = await start();
    expect(texts(await well.client.callTool("pets"))).toEqual(["Hund", undefined, "Katze"]);
    await using host = await start(300);
    for (const given of ["", "{}", "no JSON", '{"translatedText":["one"]}', "never", "x".repeat(5 * 1024 ** 2)]) {
      answer = () => given;
      expect(texts(await host.client.callTool("pets"))).toEqual(["dog", undefined, "cat"]);
    }
    expect(host.log.filter(({ message }) => message === "a result was not translated")).toHaveLength(6);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
