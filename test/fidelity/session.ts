import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect } from "vitest";
import { ask, type Cases, EVERYTHING, probe } from "./rig.ts";

const C2S = "client → upstream";
const S2C = "upstream → client";

/** What opens and keeps a session. */
export const session: Cases = {
  [`initialize, ${C2S}`]: {
    async versions(rig) {
      const versions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"];
      for (const [asked, answered] of [...versions.map((version) => [version, version]), ["1999-01-01", "2025-11-25"]]) {
        const raw = await rig.bench().anotherRaw(null);
        const { protocolVersion, serverInfo } = await raw.initialize({}, { protocolVersion: asked });
        expect(protocolVersion).toBe(answered);
        expect(serverInfo.name).toBe("mcp-host");
      }
    },
    async union(rig) {
      const lists = rig.bench({
        a: { without: ["resources", "completions", "logging", "tasks", "vendor"] },
        b: { without: ["tools", "prompts", "logging", "tasks"] },
      });
      const { client } = await lists.sdk();
      expect(client.getServerCapabilities()).toEqual({
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {}, // and not `experimental`: with two upstreams nobody would answer its methods
      });
      const all = await rig.bench().sdk();
      expect(all.client.getServerCapabilities()).toMatchObject({
        experimental: { "example.test/vendor": { echo: true } },
        logging: {},
        tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } },
      });
    },
    async undeclared(rig) {
      const none = rig.bench({
        a: { prefix: "a_", without: ["prompts", "resources", "completions", "logging", "tasks", "vendor"] },
        b: { prefix: "b_", without: ["prompts", "resources", "completions", "logging", "tasks", "vendor"] },
      });
      const raw = await none.raw();
      const asked = {
        "prompts/list": {},
        "resources/list": {},
        "resources/unsubscribe": { uri: "x:1" },
        "logging/setLevel": { level: "info" },
      };
      for (const [method, params] of Object.entries({ ...asked, "prompts/get": { name: "x" }, "tasks/list": {} })) {
        const { error } = await raw.request(method, params);
        expect([error?.code, error?.message], method).toEqual([-32601, `Method not found: ${method}`]);
      }
    },
    async mirrored(rig) {
      const bench = rig.bench();
      const { client } = await bench.sdk();
      const seen = await probe(client, "capabilities");
      expect(seen.protocolVersion).toBe("2025-11-25");
      // A connection of many clients is the host's own, and none of them can say for all that its roots changed.
      expect(seen.capabilities).toEqual(bench.shares ? { ...EVERYTHING, roots: {} } : EVERYTHING);
      expect(seen.clientInfo.name).toBe(bench.shares ? "mcp-host" : "test-client");
    },
    async sole(rig) {
      const { client } = await rig.bench({ up: {} }, { sole: true }).sdk();
      const seen = await probe(client, "capabilities");
      expect(seen).toMatchObject({ capabilities: EVERYTHING, clientInfo: { name: "test-client", version: "1.2.3" } });
      // What no call caused reaches it too.
      client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///only" }] }));
      expect(await probe(client, "roots", { push: true })).toEqual({ result: { roots: [{ uri: "file:///only" }] } });
    },
    async fewer(rig) {
      const { client } = await rig.bench().anotherSdk({ sampling: {} });
      expect((await probe(client, "capabilities")).capabilities).toEqual({ sampling: {} });
    },
    async instructions(rig) {
      const one = await rig.bench({ up: { instructions: "Be kind." } }).sdk();
      expect(one.client.getInstructions()).toBe("Be kind.");
      const two = await rig.bench({ a: { instructions: "Be kind." }, b: {}, c: { instructions: "Be quick." } }).sdk();
      expect(two.client.getInstructions()).toBe("## a\n\nBe kind.\n\n## c\n\nBe quick.");
    },
  },

  [`notifications/initialized, ${C2S}`]: {
    async own(rig) {
      const { client } = await rig.bench().sdk();
      const { received } = await probe(client, "received");
      const methods = received.map(({ method }: { method: string }) => method);
      expect(methods.slice(0, 2)).toEqual(["initialize", "notifications/initialized"]);
      expect(methods.filter((method: string) => method === "notifications/initialized")).toHaveLength(1);
    },
  },

  [`ping, ${C2S}`]: {
    async local(rig) {
      const { client } = await rig.bench().sdk();
      expect(await ask(client, "ping")).toEqual({});
      expect((await probe(client, "received", { method: "ping", all: true })).received).toEqual([]);
    },
  },

  [`ping, ${S2C}`]: {
    async local(rig) {
      const raw = await rig.bench().raw();
      const { result } = await raw.call("ping");
      expect(result.structuredContent).toEqual({ result: {} });
      expect(raw.all("ping")).toEqual([]);
    },
  },
};
