import { expect } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { ask, type Cases, direct, probe } from "./rig.ts";

const C2S = "client → upstream";
const S2C = "upstream → client";

const ARGUMENTS = {
  text: "Grüße, 世界 \u{1f600} \u2028",
  nothing: null,
  nested: { deep: [{ a: [] }, {}, ""] },
  numbers: [0, -0.5, 1e21, 9007199254740991],
  "a.key with spaces": true,
};

/** Calling tools, and what comes of it. */
export const calls: Cases = {
  [`tools/call, ${C2S}`]: {
    async whole(rig) {
      const { client } = await rig.bench().sdk();
      const result = await ask(client, "tools/call", {
        name: "echo",
        arguments: ARGUMENTS,
        _meta: { "vendor.test/key": { a: [1] }, traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
        "x-unknown": { kept: [true] },
      });
      const { payload } = result.structuredContent;
      const structured = { arguments: ARGUMENTS, payload, params: { "x-unknown": { kept: [true] } } };
      const vendor = { nested: [1, null, { deep: true }] };
      expect(result).toEqual({
        content: [
          {
            type: "text",
            text: JSON.stringify(structured),
            annotations: { audience: ["user"], priority: 0.3 },
            _meta: { "example.test/block": payload },
            "x-vendor": { about: "block", ...vendor },
          },
        ],
        structuredContent: structured,
        _meta: {
          "vendor.test/key": { a: [1] },
          traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "example.test/payload": payload,
        },
        "x-vendor": { about: payload, ...vendor },
      });
    },
    async blocks(rig) {
      const { client } = await rig.bench().sdk();
      const params = { name: "link", arguments: { unknown: true } };
      const expected = await direct({ name: "up" }, "tools/call", params);
      expect(expected.content).toHaveLength(6);
      expect(await ask(client, "tools/call", params)).toEqual(expected);
    },
    async failed(rig) {
      const { client } = await rig.bench().sdk();
      const params = { name: "isError", arguments: { text: "sorry" } };
      expect(await ask(client, "tools/call", params)).toEqual(await direct({ name: "up" }, "tools/call", params));
      expect(await client.callTool(params)).toMatchObject({ isError: true, content: [{ type: "text", text: "sorry" }] });
    },
    async validated(rig) {
      const { client } = await rig.bench().sdk();
      const { tools } = await client.listTools(); // the client keeps the output schemas
      expect(tools.find(({ name }) => name === "echo")?.outputSchema).toBeDefined();
      const { structuredContent } = await client.callTool({ name: "echo", arguments: { a: 1 } });
      expect(structuredContent).toMatchObject({ arguments: { a: 1 } });
    },
    async ids(rig) {
      const raw = await rig.bench().raw();
      const ids = [7_000_001, "7000001", "a-Ä-😀", 0, -5, 9007199254740991, "x".repeat(256)];
      // All at once, so that the host has them apart by type too.
      const answers = await Promise.all(ids.map((id) => raw.call("echo", { delayMs: 20, mine: id }, {}, id)));
      answers.forEach(({ id, result }, index) => {
        expect(id).toBe(ids[index]);
        expect(result.structuredContent.arguments.mine).toBe(ids[index]);
      });
    },
  },

  [`errors, ${S2C}`]: {
    async whole(rig) {
      const raw = await rig.bench().raw();
      const data = { nested: [1, null, { deep: true }] };
      for (const error of [
        { code: -32050, message: "an upstream's own", data },
        { code: 7, message: "", data: "a string" },
        { code: -32602, message: "no data" },
      ]) {
        const response = await raw.call("fail", error);
        expect(response.error).toEqual(error);
      }
      const { client } = await rig.bench().sdk();
      const thrown = await client.callTool({ name: "fail", arguments: { code: -32050, data } }).catch((error: unknown) => error);
      expect(thrown).toMatchObject({ code: -32050, data });
    },
    async unknown(rig) {
      const raw = await rig.bench().raw();
      const refused: [string, Message, number, RegExp][] = [
        ["tools/call", { name: "nobody", arguments: {} }, -32602, /Unknown tool: nobody/],
        ["prompts/get", { name: "nobody" }, -32602, /Unknown prompt: nobody/],
        ["tasks/get", { taskId: "nobody" }, -32602, /Unknown task: nobody/],
      ];
      for (const [method, params, code, message] of refused) {
        const { error } = await raw.request(method, params);
        expect(error.code).toBe(code);
        expect(error.message).toMatch(message);
      }
    },
  },

  [`unknown requests, ${C2S}`]: {
    async sole(rig) {
      const { client } = await rig.bench().sdk();
      const params = { any: [1, { b: null }], _meta: { "vendor.test/key": 1 } };
      expect(await ask(client, "vendor/hello", params)).toEqual({ method: "vendor/hello", params, vendor: "up" });
    },
    async refused(rig) {
      const raw = await rig.bench({ a: {}, b: {} }).raw();
      const { error } = await raw.request("vendor/hello", {});
      expect(error).toMatchObject({ code: -32601, message: "Method not found: vendor/hello", data: { origin: "mcp-host" } });
    },
    async unknown(rig) {
      const raw = await rig.bench().raw();
      const { error } = await raw.request("nonsense/hello", {});
      expect(error).toEqual({ code: -32601, message: "Method not found: nonsense/hello" });
    },
  },

  [`unknown notifications, ${C2S}`]: {
    async sole(rig) {
      const { client } = await rig.bench().sdk();
      const params = { any: [1], _meta: { "vendor.test/key": 1 } };
      await client.notification({ method: "notifications/vendor/told", params });
      await expect
        .poll(async () => (await probe(client, "received", { method: "notifications/vendor/told" })).received)
        .toMatchObject([{ params }]);
    },
    async dropped(rig) {
      const raw = await rig.bench({ a: { prefix: "a_" }, b: { prefix: "b_" } }).raw();
      await raw.notify("notifications/vendor/told", {});
      // The calls come after it on the same wire.
      for (const name of ["a_received", "b_received"]) {
        const { result } = await raw.call(name, { method: "notifications/vendor/told" });
        expect(result.structuredContent.received).toEqual([]);
      }
    },
  },

  [`unknown notifications, ${S2C}`]: {
    async told(rig) {
      const { client, notifications } = await rig.bench().sdk();
      const params = { hello: ["client", { b: null }], _meta: { "vendor.test/key": 1 } };
      await probe(client, "vendorNotify", { method: "notifications/vendor/told", params });
      await expect.poll(() => notifications).toContainEqual(expect.objectContaining({ method: "notifications/vendor/told", params }));
    },
  },
};
