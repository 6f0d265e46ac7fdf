import { mcpMatchers } from "mcp-host/testing";
import { describe, expect, test } from "vitest";

const { toBeToolError, toBeValidMCPNotification, toBeValidMCPRequest, toBeValidMCPResponse, toBeValidMCPResult, toBeValidMCPTool } =
  mcpMatchers;
const answer = (more: object) => ({ jsonrpc: "2.0", id: 1, ...more });
const text = { type: "text", text: "no such file" };

describe("what is as MCP has it passes, and says so where it should not", () => {
  test.each([
    ["a result", toBeValidMCPResponse(answer({ result: {} }))],
    ["an error", toBeValidMCPResponse(answer({ error: { code: -32000, message: "no" } }))],
    [
      "an error of a request that could not be read",
      toBeValidMCPResponse({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "" } }),
    ],
    ["an answer to a call", toBeValidMCPResponse(answer({ id: "a", result: { content: [text] } }), "tools/call")],
    ["a request", toBeValidMCPRequest(answer({ method: "tools/list", params: {} }), "tools/list")],
    ["a notification", toBeValidMCPNotification({ jsonrpc: "2.0", method: "notifications/progress" })],
    ["a list", toBeValidMCPResult({ tools: [{ name: "a", inputSchema: { type: "object" } }], ttlMs: 5 }, "tools/list")],
    ["a result without a schema", toBeValidMCPResult({ anything: 1 }, "vendor/method")],
    ["a tool", toBeValidMCPTool({ name: "a", inputSchema: { type: "object" } })],
    ["a tool's error", toBeToolError({ isError: true, content: [text] }, /such/)],
  ])("%s", (_, { pass, message }) => {
    expect({ pass, message: message() }).toEqual({ pass: true, message: expect.stringMatching(/^expected no /) });
  });
});

describe("what is not is told with its place", () => {
  test.each([
    [toBeValidMCPResponse(undefined), "it is no object"],
    [toBeValidMCPResponse({ id: 1, result: {} }), 'jsonrpc is not "2.0"'],
    [toBeValidMCPResponse({ jsonrpc: "2.0", id: 1.5, result: {} }), "id is neither"],
    [toBeValidMCPResponse(answer({})), "not one of result and error"],
    [toBeValidMCPResponse(answer({ result: {}, error: { code: 1, message: "" } })), "not one of result and error"],
    [toBeValidMCPResponse(answer({ method: "x", result: {} })), "it has a method"],
    [toBeValidMCPResponse(answer({ error: { code: "1", message: 2 } })), "error.code is no integer; error.message is no text"],
    [toBeValidMCPResponse(answer({ result: [] })), "result.is no object"],
    [toBeValidMCPResponse(answer({ result: { content: [{ type: "text" }] } }), "tools/call"), "result.content.0"],
    [toBeValidMCPRequest({ jsonrpc: "2.0", method: "a" }), "id is neither"],
    [toBeValidMCPRequest(answer({ method: "a" }), "b"), "method is a, not b"],
    [toBeValidMCPRequest(answer({ params: [] })), "method is no text; params are no object"],
    [toBeValidMCPNotification(answer({ method: "a" })), "it has an id"],
    [toBeValidMCPResult({ tools: [{}] }, "tools/list"), "tools.0.name"],
    [toBeValidMCPTool({ name: "a", inputSchema: { type: "string" } }), "inputSchema.type"],
    [toBeToolError({ content: [text] }), "isError is not true"],
    [toBeToolError({ isError: true, content: [text] }, "other"), "none of its texts has that"],
    [toBeToolError({ isError: true }, "other"), "content"],
  ])("%#: %j", ({ pass, message }, words) => {
    expect(pass).toBe(false);
    expect(message()).toContain(words);
  });
});
