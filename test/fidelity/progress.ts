import { expect, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import type { RawClient } from "./raw.ts";
import { type Cases, probe } from "./rig.ts";

const C2S = "client → upstream";
const S2C = "upstream → client";

const tokenOf = (message: Message) => message.params?.progressToken;
const progressOf = (raw: RawClient, token: unknown) =>
  raw
    .all("notifications/progress")
    .map(({ message }) => message.params)
    .filter(({ progressToken }) => progressToken === token);

/** Progress and cancellation. */
export const progress: Cases = {
  [`notifications/progress, ${S2C}`]: {
    async order(rig) {
      const raw = await rig.bench().raw();
      const id = raw.nextId();
      const from = raw.received.length;
      await raw.call("progress", { steps: 4, total: 8, message: "ordered" }, { _meta: { progressToken: "in order" } }, id);
      const mine = raw.received
        .slice(from)
        .map(({ message }) => message)
        .filter((message) => tokenOf(message) === "in order" || message.id === id);
      expect(mine.slice(0, 4).map(({ params }) => params)).toEqual(
        [1, 2, 3, 4].map((step) => ({
          progressToken: "in order",
          progress: step,
          total: 8,
          message: `ordered ${step} of 4`,
          _meta: { "example.test/progress": step },
        })),
      );
      expect(mine.slice(4)).toMatchObject([{ id }]);
    },
    async tokens(rig) {
      const raw = await rig.bench().raw();
      const call = (progressToken: string | number, message: string) =>
        raw.call("progress", { steps: 2, message }, { _meta: { progressToken } });
      await Promise.all([call(4711, "number"), call("4711", "string"), call(0, "zero"), call("", "empty")]);
      for (const [token, message] of [
        [4711, "number"],
        ["4711", "string"],
        [0, "zero"],
        ["", "empty"],
      ] as const)
        expect(progressOf(raw, token)).toMatchObject([{ message: `${message} 1 of 2` }, { message: `${message} 2 of 2` }]);
    },
    async uninvited(rig) {
      const raw = await rig.bench().raw();
      const from = raw.received.length;
      const { result } = await raw.call("progress", { steps: 2 });
      expect(result.structuredContent.asked).toBe(true);
      expect(raw.all("notifications/progress", from)).toEqual([]);
    },
    async late(rig) {
      const raw = await rig.bench().raw();
      await raw.call("progress", { steps: 1, late: true }, { _meta: { progressToken: "late" } });
      // The one that is too late is sent 20 ms after the answer, so before this call has ended.
      await raw.call("slow", { ms: 60 });
      expect(progressOf(raw, "late").map((params) => params.progress)).toEqual([1]);
    },
    async increasing(rig) {
      const raw = await rig.bench().anotherRaw();
      const id = raw.nextId();
      const params = { name: "slow", arguments: { which: "increasing" }, _meta: { progressToken: "increasing" } };
      await raw.pipe.send({ jsonrpc: "2.0", id, method: "tools/call", params });
      await raw.next((message) => tokenOf(message) === "increasing" && message.params.progress >= 2);
      // The token that the host gave the upstream.
      const { received } = (await raw.call("received", { method: "tools/call" })).result.structuredContent;
      const { progressToken } = received.find(({ params }: Message) => params.arguments?.which === "increasing").params._meta;
      for (const params of [
        { progressToken, progress: 1.5, message: "back" },
        { progressToken: "of nobody", progress: 1_000, message: "stray" },
        { progressToken, progress: 10_000, message: "on" },
      ])
        await raw.call("vendorNotify", { method: "notifications/progress", params });
      await raw.next((message) => tokenOf(message) === "increasing" && message.params.progress === 10_000);
      await raw.notify("notifications/cancelled", { requestId: id });
      const values = progressOf(raw, "increasing").map((params) => params.progress);
      expect(values).toEqual([...new Set(values)].sort((one, other) => one - other));
      expect(progressOf(raw, "of nobody")).toEqual([]);
    },
    async sdk(rig) {
      const { client } = await rig.bench().sdk();
      const seen: unknown[] = [];
      const onprogress = (step: unknown) => void seen.push(step);
      const abort = new AbortController();
      // That client drops the progress that comes in one piece with the answer: there is none before enough of it was seen.
      const call = client.callTool({ name: "slow" }, undefined, { onprogress, signal: abort.signal });
      const refused = expect(call).rejects.toThrow("seen");
      await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(3));
      expect(seen.slice(0, 3)).toEqual([{ progress: 1 }, { progress: 2 }, { progress: 3 }]);
      abort.abort("seen");
      await refused;
    },
  },

  [`notifications/progress, ${C2S}`]: {
    async question(rig) {
      const raw = await rig.bench().anotherRaw();
      const call = raw.call("sample", { progress: true });
      const { message } = await raw.next(({ method }) => method === "sampling/createMessage");
      const { progressToken } = message.params._meta;
      const steps = [1, 2].map((step) => ({
        progressToken,
        progress: step,
        total: 2,
        message: "thinking",
        _meta: { "vendor.test/step": step },
      }));
      for (const step of steps) await raw.notify("notifications/progress", step);
      // Over HTTP each is a request of its own: the answer must not overtake them.
      await raw.pipe.send({
        jsonrpc: "2.0",
        id: message.id,
        result: { role: "assistant", model: "m", content: { type: "text", text: "ok" } },
      });
      const { result } = await call;
      expect(result.structuredContent.progress).toMatchObject(steps.map(({ progressToken: _, ...step }) => step));
    },
  },

  [`notifications/cancelled, ${C2S}`]: {
    async calls(rig) {
      const raw = await rig.bench().raw();
      for (const [method, params] of [
        ["tools/call", { name: "slow", arguments: {} }],
        ["prompts/get", { name: "slow" }],
        ["resources/read", { uri: "test://up/slow" }],
      ] as const) {
        const id = raw.nextId();
        const reason = `enough of ${method}`;
        // Progress says that the upstream is at work.
        await raw.pipe.send({ jsonrpc: "2.0", id, method, params: { ...params, _meta: { progressToken: method } } });
        await raw.next((message) => tokenOf(message) === method);
        await raw.notify("notifications/cancelled", { requestId: id, reason });
        await expect
          .poll(async () => (await raw.call("cancelled")).result.structuredContent.cancelled)
          .toContainEqual(expect.objectContaining({ method, reason }));
        expect(raw.received.filter(({ message }) => message.id === id)).toEqual([]);
      }
      const { client } = await rig.bench().sdk();
      const abort = new AbortController();
      const call = client.callTool({ name: "slow", arguments: { who: "sdk" } }, undefined, {
        signal: abort.signal,
        onprogress: () => abort.abort("sdk"),
      });
      await expect(call).rejects.toThrow();
      await expect
        .poll(async () => (await probe(client, "cancelled")).cancelled)
        .toContainEqual(expect.objectContaining({ arguments: { who: "sdk" } }));
    },
    async other(rig) {
      const raw = await rig.bench().raw();
      const number = raw.nextId() + 5_000;
      const [one, other] = [number, String(number)];
      const goesOn = raw.call("slow", { ms: 300, which: "string" }, { _meta: { progressToken: "other" } }, other);
      await raw.pipe.send({
        jsonrpc: "2.0",
        id: one,
        method: "tools/call",
        params: { name: "slow", arguments: { which: "number" }, _meta: { progressToken: "one" } },
      });
      await raw.next((message) => tokenOf(message) === "one");
      await raw.next((message) => tokenOf(message) === "other");
      await raw.notify("notifications/cancelled", { requestId: one });
      expect((await goesOn).result.structuredContent).toEqual({ waited: 300 });
      const { result } = await raw.call("cancelled");
      const cancelled = result.structuredContent.cancelled.map(({ arguments: args }: Message) => args?.which);
      expect(cancelled).toContain("number");
      expect(cancelled).not.toContain("string");
    },
    async ignored(rig) {
      const raw = await rig.bench().raw();
      const id = raw.nextId();
      const params = { name: "slow", arguments: { ms: 200, ignoreCancel: true }, _meta: { progressToken: "ignored" } };
      await raw.pipe.send({ jsonrpc: "2.0", id, method: "tools/call", params });
      await raw.next((message) => tokenOf(message) === "ignored");
      await raw.notify("notifications/cancelled", { requestId: id, reason: "ignored" });
      await expect
        .poll(async () => (await raw.call("cancelled")).result.structuredContent.cancelled)
        .toContainEqual(expect.objectContaining({ reason: "ignored" }));
      const steps = progressOf(raw, "ignored").length;
      await raw.call("slow", { ms: 400 }); // the other has answered by then
      expect(raw.received.filter(({ message }) => message.id === id)).toEqual([]);
      // What was on its way when the cancellation was may still have come.
      expect(progressOf(raw, "ignored").length).toBeLessThan(steps + 4);
    },
  },

  [`notifications/cancelled, ${S2C}`]: {
    async question(rig) {
      const raw = await rig.bench().anotherRaw();
      const { result } = await raw.call("sample", { cancelMs: 30 });
      expect(result.structuredContent).toEqual({ cancelled: true });
      const { message } = await raw.next(({ method }) => method === "sampling/createMessage");
      const withdrawn = await raw.next(({ method }) => method === "notifications/cancelled");
      expect(withdrawn.message.params).toEqual({ requestId: message.id, reason: "changed my mind" });
    },
  },
};
