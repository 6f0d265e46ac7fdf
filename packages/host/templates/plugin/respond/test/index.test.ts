import { createTestHost, fakeUpstream, testPlugin } from "mcp-host/testing";
import { expect, test } from "vitest";
import templatePlugin from "../src/index.ts";

testPlugin(templatePlugin, {
  test,
  module: new URL("../src/index.ts", import.meta.url),
  options: { most: 100_000 },
  badOptions: [{ options: { most: 0 }, place: "plugins[0].options.most", hint: ">0" }],
});

test("long texts of the tools that are meant are cut, and all else stays as it is", async () => {
  const image = { type: "image", data: "aGVsbG8gd29ybGQ=", mimeType: "image/png" };
  const answer = { content: [{ type: "text", text: "0123456789" }, { type: "text", text: "short" }, image], structuredContent: { a: 1 } };
  const work = fakeUpstream({ tools: { search: () => answer, other: () => answer } });
  await using host = await createTestHost({ plugins: [templatePlugin({ most: 5, tools: ["search"] })], upstreams: { work } });
  expect(await host.client.callTool("search")).toEqual({
    ...answer,
    content: [{ type: "text", text: "01234\n[5 characters were cut off]" }, ...answer.content.slice(1)],
  });
  expect(await host.client.callTool("other")).toEqual(answer);
});
