import { expect, test } from "vitest";
import type { Json } from "../dist/wire/message.js";
import { stampRequest, stampResult } from "../dist/wire/modern.js";
import { RequestTexts, ResultTexts } from "../dist/wire/modern-text.js";

const VERSION = "2026-07-28";
const KEY = "io.modelcontextprotocol/clientInfo";
const stamps = [
  { info: { name: "mcp-host" }, capabilities: {}, logLevel: undefined },
  { info: { name: 'with "quotes" }}' }, capabilities: { sampling: {}, elicitation: { form: {} } }, logLevel: "info" },
];

test.each<[string, Json | undefined]>([
  ["no params", undefined],
  ["empty params", {}],
  ["arguments", { name: "echo", arguments: { text: "}}" } }],
  ["a progress token at the end", { name: "echo", arguments: {}, _meta: { progressToken: 7 } }],
  ["`_meta` before the rest", { _meta: { progressToken: 7 }, name: "echo" }],
  ["an empty `_meta`", { name: "echo", _meta: {} }],
  ["a `_meta` that is none", { name: "echo", _meta: 5 }],
  ["keys of the hop in `_meta`", { name: "echo", _meta: { a: 1, [KEY]: { name: "another" } } }],
  ["keys of a round", { name: "echo", inputResponses: {}, requestState: "another's" }],
  ["what JSON leaves out", { name: "echo", arguments: undefined }],
  ["nothing but what JSON leaves out", { arguments: undefined }],
])("a request with %s is the text of its stamped message", (_, params) => {
  const texts = new RequestTexts(VERSION);
  for (const stamp of [...stamps, ...stamps])
    for (const round of [undefined, { requestState: "s" }])
      for (const method of ["tools/call", 'vendor/"odd"']) {
        const request = { jsonrpc: "2.0" as const, id: 7, method, ...(params && { params }) };
        const stamped = { jsonrpc: "2.0", id: 7, method, params: stampRequest(params, VERSION, stamp, round) };
        expect(texts.of(request, stamp, round)).toBe(JSON.stringify(stamped));
      }
});

test.each<[string, Json]>([
  ["nothing", {}],
  ["content", { content: [{ type: "text", text: "}" }] }],
  ["a `_meta`", { content: [], _meta: { a: 1 } }],
  ["a type of its own", { resultType: "another", content: [] }],
])("an answer with %s is the text of its stamped message", (_, result) => {
  const server = { name: "mcp-host", version: "1.0.0" };
  const texts = new ResultTexts(server);
  for (const id of [7, 'an "id"'])
    for (const type of ["complete", "task"] as const)
      expect(texts.of(id, result, type)).toBe(JSON.stringify({ jsonrpc: "2.0", id, result: stampResult(result, server, undefined, type) }));
});

test("what JSON cannot hold is thrown, as JSON.stringify does", () => {
  const round: Json = {};
  round.itself = round;
  const [stamp] = stamps as [(typeof stamps)[0]];
  expect(() => new RequestTexts(VERSION).of({ jsonrpc: "2.0", id: 1, method: "tools/call", params: round }, stamp, undefined)).toThrow(
    TypeError,
  );
  expect(() => new ResultTexts({}).of(1, { big: 1n })).toThrow(TypeError);
});
