import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, McpError } from "@modelcontextprotocol/sdk/types.js";
import { expect } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { type Cases, probe } from "./rig.ts";

const C2S = "client → upstream";
const S2C = "upstream → client";

const VENDOR = { nested: [1, null, { deep: true }] };
const SAID = {
  role: "assistant" as const,
  model: "a-model",
  stopReason: "endTurn",
  content: { type: "text" as const, text: "Something", annotations: { priority: 1 } },
  _meta: { "vendor.test/answer": 1 },
  "x-unknown": [{ kept: true }],
};

/** What upstreams ask of clients. */
export const asking: Cases = {
  [`roots/list, ${S2C}`]: {
    async asked(rig) {
      const { client } = await rig.bench().sdk();
      const roots = [{ uri: "file:///home/ada", name: "Home", _meta: { "vendor.test/root": 1 } }, { uri: "file:///tmp" }];
      client.setRequestHandler(ListRootsRequestSchema, () => ({ roots, _meta: { "vendor.test/answer": 1 } }));
      expect(await probe(client, "roots")).toEqual({ result: { roots, _meta: { "vendor.test/answer": 1 } } });
    },
  },

  [`notifications/roots/list_changed, ${C2S}`]: {
    async told(rig) {
      // Shared connections ask only in answer to a call, so news of one client's roots would be of no use there.
      const { client } = await rig.bench({ up: { isolation: "session", version: "roots" } }).sdk();
      client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///new" }] }));
      await client.sendRootsListChanged();
      const method = "notifications/roots/list_changed";
      await expect.poll(async () => (await probe(client, "received", { method })).received).toHaveLength(1);
      expect(await probe(client, "roots")).toEqual({ result: { roots: [{ uri: "file:///new" }] } });
    },
  },

  [`sampling/createMessage, ${S2C}`]: {
    async asked(rig) {
      const raw = await rig.bench().raw();
      raw.answer = () => ({ result: SAID });
      const params = {
        tools: [{ name: "calculator", inputSchema: { type: "object" }, ...VENDOR }],
        toolChoice: { mode: "auto" },
        metadata: { any: 1 },
      };
      const from = raw.received.length;
      const { result } = await raw.call("sample", { params });
      const { message } = await raw.next(({ method }) => method === "sampling/createMessage", from);
      expect(message.params).toEqual({
        messages: [{ role: "user", content: { type: "text", text: "Say something" } }],
        maxTokens: 10,
        systemPrompt: "Be brief",
        modelPreferences: { hints: [{ name: "any" }], speedPriority: 1 },
        _meta: { "example.test/sample": 1 },
        "x-vendor": { about: "sample", ...VENDOR },
        ...params,
      });
      expect(result.structuredContent).toEqual({ result: SAID });
      const { client } = await rig.bench().sdk();
      client.setRequestHandler(CreateMessageRequestSchema, ({ params: { systemPrompt } }) => ({
        role: "assistant" as const,
        model: "m",
        content: { type: "text" as const, text: `${systemPrompt}!` },
      }));
      expect(await probe(client, "sample")).toMatchObject({ result: { content: { text: "Be brief!" } } });
    },
    async refused(rig) {
      const { client } = await rig.bench().sdk();
      client.setRequestHandler(CreateMessageRequestSchema, () => {
        throw new McpError(-1, "The user said no", { why: ["private"] });
      });
      const { error } = await probe(client, "sample");
      expect(error).toMatchObject({ code: -1, data: { why: ["private"] } });
      expect(error.message).toContain("The user said no");
    },
    async undeclared(rig) {
      const raw = await rig.bench().anotherRaw({ elicitation: {} });
      const { result } = await raw.call("sample");
      expect(result.structuredContent.error).toMatchObject({ code: -32601 });
      expect(raw.all("sampling/createMessage")).toEqual([]);
    },
    async ids(rig) {
      // The fixture knows its questions by the exact type of their ids, so an answer under another would be lost.
      for (const stringIds of [true, false]) {
        const raw = await rig.bench({ up: { stringIds } }).anotherRaw();
        raw.answer = ({ params }) => ({ result: { ...SAID, model: params.systemPrompt } });
        const answers = await Promise.all(["x", "y", "z"].map((systemPrompt) => raw.call("sample", { params: { systemPrompt } })));
        expect(answers.map(({ result }) => result.structuredContent.result.model)).toEqual(["x", "y", "z"]);
      }
    },
  },

  [`elicitation/create, form, ${S2C}`]: {
    async asked(rig) {
      const raw = await rig.bench().raw();
      const answer = { action: "accept", content: { color: "r", count: 2 }, _meta: { "vendor.test/answer": 1 } };
      raw.answer = () => ({ result: answer });
      const from = raw.received.length;
      const { result } = await raw.call("elicit");
      const { message } = await raw.next(({ method }) => method === "elicitation/create", from);
      expect(message.params).toMatchObject({
        mode: "form",
        message: "Which color?",
        requestedSchema: { properties: { color: { oneOf: [{ const: "r", title: "Red" }], default: "r" } }, required: ["color"] },
        "x-vendor": { about: "elicit", ...VENDOR },
      });
      expect(result.structuredContent).toEqual({ result: answer });
      const { client } = await rig.bench().sdk();
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: "decline" }));
      expect(await probe(client, "elicit")).toEqual({ result: { action: "decline" } });
    },
    async undeclared(rig) {
      const raw = await rig.bench().anotherRaw({ elicitation: { url: {} } });
      const { result } = await raw.call("elicit");
      expect(result.structuredContent.error).toMatchObject({ code: -32602 });
      expect(raw.all("elicitation/create")).toEqual([]);
    },
  },

  [`elicitation/create, url, ${S2C}`]: {
    async asked(rig) {
      const { client } = await rig.bench().sdk();
      let asked: Message = {};
      client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
        asked = params;
        return { action: "accept" };
      });
      expect(await probe(client, "elicit", { mode: "url", elicitationId: "url-1" })).toEqual({ result: { action: "accept" } });
      expect(asked).toMatchObject({ mode: "url", url: "https://example.test/consent", elicitationId: "url-1" });
    },
    async undeclared(rig) {
      const raw = await rig.bench().anotherRaw({ elicitation: {} });
      const { result } = await raw.call("elicit", { mode: "url" });
      expect(result.structuredContent.error).toMatchObject({ code: -32602 });
      expect(raw.all("elicitation/create")).toEqual([]);
    },
  },

  [`error -32042, ${S2C}`]: {
    async whole(rig) {
      const raw = await rig.bench().raw();
      const elicitationId = `required-${rig.into}-${rig.out}`;
      const { error } = await raw.call("urlRequired", { elicitationId, completeMs: 30 });
      const elicitations = [
        {
          mode: "url",
          elicitationId,
          url: "https://example.test/consent",
          message: "Please visit this page",
          "x-vendor": { about: "elicitation", ...VENDOR },
        },
      ];
      expect(error).toEqual({ code: -32042, message: "URL elicitation required", data: { elicitations } });
      await raw.next(({ method, params }) => method === "notifications/elicitation/complete" && params.elicitationId === elicitationId);
    },
  },

  [`notifications/elicitation/complete, ${S2C}`]: {
    async during(rig) {
      const raw = await rig.bench().raw();
      raw.answer = () => ({ result: { action: "accept" } });
      const id = raw.nextId();
      const from = raw.received.length;
      await raw.call("elicit", { mode: "url", elicitationId: "during" }, {}, id);
      const { message } = await raw.next(({ method }) => method === "notifications/elicitation/complete", from);
      expect(message.params).toEqual({ elicitationId: "during" });
      const order = raw.received.slice(from).map((one) => one.message);
      // Where the host cannot tell what belongs to the call, an HTTP client gets it on another stream, in any order.
      if (rig.into !== "http" || rig.bench().attributes)
        expect(order.indexOf(message)).toBeLessThan(order.findIndex((one) => one.id === id && one.method === undefined));
    },
    async after(rig) {
      const raw = await rig.bench().raw();
      raw.answer = () => ({ result: { action: "accept" } });
      const from = raw.received.length;
      await raw.call("elicit", { mode: "url", elicitationId: "after", completeMs: 30 });
      const { message } = await raw.next(({ method }) => method === "notifications/elicitation/complete", from);
      expect(message.params).toEqual({ elicitationId: "after" });
    },
    async foreign(rig) {
      // Connections of their own, on which one id may be given twice.
      const bench = rig.bench({ up: { isolation: "session", version: "elicitations" } });
      const [one, other] = [await bench.anotherRaw(), await bench.anotherRaw()];
      for (const [raw, completeMs] of [
        [one, 100],
        [other, 30_000],
      ] as const) {
        raw.answer = () => ({ result: { action: "accept" } });
        await raw.call("elicit", { mode: "url", elicitationId: "the same", completeMs });
      }
      await one.next(({ method }) => method === "notifications/elicitation/complete");
      await other.request("ping"); // what was sent to it before has arrived
      expect(other.all("notifications/elicitation/complete")).toEqual([]);
    },
  },

  [`unknown requests, ${S2C}`]: {
    async asked(rig) {
      const raw = await rig.bench().raw();
      const answer = { any: [1, { b: null }], _meta: { "vendor.test/answer": 1 } };
      raw.answer = () => ({ result: answer });
      const from = raw.received.length;
      const params = { hello: "client", _meta: { "vendor.test/ask": 1 } };
      const { result } = await raw.call("ask", { method: "vendor/ask", params });
      expect((await raw.next(({ method }) => method === "vendor/ask", from)).message.params).toEqual(params);
      expect(result.structuredContent).toEqual({ result: answer });
      raw.answer = () => ({ error: { code: -32601, message: "never heard of it", data: [1] } });
      const refused = await raw.call("ask", { method: "vendor/ask", params });
      expect(refused.result.structuredContent).toEqual({ error: { code: -32601, message: "never heard of it", data: [1] } });
    },
  },
};
