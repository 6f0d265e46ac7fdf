import { expect } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import type { RawClient, Received } from "./raw.ts";
import { type Cases, probe } from "./rig.ts";

const C2S = "client → upstream";
const S2C = "upstream → client";

/** The streams on which the messages came that are `wanted`. */
const streams = (raw: RawClient, wanted: (message: Message) => boolean): string[] => [
  ...new Set(raw.received.filter(({ message }) => wanted(message)).map(({ via }: Received) => via)),
];

/** What only HTTP has: statuses, sessions, and a stream for each call. */
export const http: Cases = {
  [`the HTTP layer, ${C2S}`]: {
    async accepted(rig) {
      const raw = await rig.bench().anotherRaw();
      raw.answer = () => ({ result: { roots: [] } });
      const { statuses } = raw.pipe;
      expect(statuses).toEqual([200, 202]); // initialize and initialized
      const { result } = await raw.call("roots");
      expect(result.structuredContent).toEqual({ result: { roots: [] } });
      await raw.pipe.send({ jsonrpc: "2.0", id: 99_999, result: {} }); // an answer that nobody waits for
      await raw.notify("notifications/vendor/told");
      expect(statuses?.slice(2).sort()).toEqual([200, 202, 202, 202]);
    },
    async dead(rig) {
      const raw = await rig.bench().anotherRaw();
      const { url } = await rig.bench().host();
      const headers = {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-session-id": raw.pipe.session?.() as string, // over HTTP there is one
      };
      expect((await fetch(url, { method: "DELETE", headers })).ok).toBe(true);
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
      const response = await fetch(url, { method: "POST", headers, body });
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ jsonrpc: "2.0", error: { data: { origin: "mcp-host" } } });
      // Beginning anew works.
      const again = await rig.bench().anotherRaw();
      expect((await again.request("ping")).result).toEqual({});
    },
    async expired(rig) {
      const { client } = await rig.bench({ up: { version: "expired" } }).sdk();
      const before = await probe(client, "connections");
      for (const n of [1, 2, 3, 4, 5, 6, 7]) {
        await probe(client, "expire");
        expect((await probe(client, "echo", { n })).arguments).toEqual({ n });
      }
      const after = await probe(client, "connections");
      expect(after.this).toBeGreaterThan(before.this + 1);
      const { received } = await probe(client, "received", { method: "tools/call", all: true });
      const sent = received.filter(({ params }: Message) => params.name === "echo").map(({ params }: Message) => params.arguments.n);
      expect(sent).toEqual([1, 2, 3, 4, 5, 6, 7]);
    },
  },

  [`the HTTP layer, ${S2C}`]: {
    async origin(rig) {
      const raw = await rig.bench({ up: { version: "origin" } }).raw();
      raw.answer = ({ params }) => ({ result: { role: "assistant", model: params.systemPrompt, content: { type: "text", text: "" } } });
      const calls = ["left", "right"].map(async (side) => {
        const id = `echo ${side}`;
        const echo = raw.call("echo", { steps: 3, delayMs: 5, text: side }, { _meta: { progressToken: side } }, id);
        const sample = raw.call("sample", { params: { systemPrompt: side } }, {}, `sample ${side}`);
        const told = raw.call("vendorNotify", { params: { side } }, {}, `told ${side}`);
        await Promise.all([echo, sample, told]);
      });
      await Promise.all(calls);
      for (const side of ["left", "right"]) {
        const stream = [`post "echo ${side}"`];
        expect(streams(raw, ({ params }) => params?.progressToken === side)).toEqual(stream);
        expect(streams(raw, ({ method, params }) => method === "notifications/message" && params.data.text === side)).toEqual(stream);
        expect(streams(raw, ({ params }) => params?.systemPrompt === side)).toEqual([`post "sample ${side}"`]);
        expect(streams(raw, ({ params }) => params?.side === side)).toEqual([`post "told ${side}"`]);
      }
      // In the order in which the upstream sent them, and the answer last.
      const order = raw.received.filter(({ via }) => via === 'post "echo left"').map(({ message }) => message.method ?? "answer");
      const step = ["notifications/progress", "notifications/message"];
      expect(order).toEqual([...step, ...step, ...step, "answer"]);
    },
    async progress(rig) {
      const raw = await rig.bench().raw();
      await raw.call("progress", { steps: 2 }, { _meta: { progressToken: "streamed" } }, "the call");
      expect(streams(raw, ({ params }) => params?.progressToken === "streamed")).toEqual(['post "the call"']);
    },
    async pushed(rig) {
      const raw = await rig.bench({ up: { isolation: "session", version: "pushed" } }).raw();
      raw.answer = () => ({ result: { roots: [{ uri: "file:///pushed" }] } });
      await raw.call("vendorNotify", { push: true });
      const told = await raw.next(({ method }) => method === "notifications/vendor/hello");
      expect(told.via).toBe("get");
      const { result } = await raw.call("roots", { push: true });
      expect(result.structuredContent).toEqual({ result: { roots: [{ uri: "file:///pushed" }] } });
      expect(streams(raw, ({ method }) => method === "roots/list")).toEqual(["get"]);
    },
    async resumed(rig) {
      const raw = await rig.bench({ up: { eventIds: true } }).raw();
      const from = raw.received.length;
      const { result } = await raw.call("drop", {}, { _meta: { progressToken: "resumed" } });
      expect(result.structuredContent).toEqual({ dropped: true });
      const steps = raw.all("notifications/progress", from).map(({ message }) => message.params.message);
      expect(steps).toEqual(["before the break", "after the break"]);
    },
  },
};
