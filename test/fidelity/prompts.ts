import { expect } from "vitest";
import { ask, type Cases, direct } from "./rig.ts";

const C2S = "client → upstream";

/** Prompts and completion. */
export const prompts: Cases = {
  [`prompts/get, ${C2S}`]: {
    async whole(rig) {
      const { client } = await rig.bench().sdk();
      for (const params of [
        { name: "rich", _meta: { "vendor.test/key": 1 } },
        { name: "greet", arguments: { name: "Ada", tone: "warm" } },
      ]) {
        const expected = await direct({ name: "up" }, "prompts/get", params);
        expect(expected.messages.length).toBeGreaterThan(0);
        expect(await ask(client, "prompts/get", params)).toEqual(expected);
      }
      const { messages } = await client.getPrompt({ name: "rich" });
      expect(messages.map(({ content }) => content.type)).toEqual(["image", "resource", "resource_link", "text"]);
    },
    async refused(rig) {
      const raw = await rig.bench().raw();
      const { error } = await raw.request("prompts/get", { name: "greet", arguments: {} });
      expect(error).toEqual({ code: -32602, message: "Missing argument: name" });
    },
  },

  [`completion/complete, ${C2S}`]: {
    async prompt(rig) {
      const { client } = await rig.bench().sdk();
      const params = {
        ref: { type: "ref/prompt", name: "greet", title: "kept" },
        argument: { name: "tone", value: "wa" },
        context: { arguments: { name: "Ada" } },
        _meta: { "vendor.test/key": 1 },
      };
      const result = await ask(client, "completion/complete", params);
      expect(result).toEqual(await direct({ name: "up" }, "completion/complete", params));
      expect(result.completion.values).toEqual(["wa-one", "wa-two", "wa-three", "Ada"]);
    },
    async template(rig) {
      const { client } = await rig.bench().sdk();
      const params = { ref: { type: "ref/resource" as const, uri: "test://up/items/{id}" }, argument: { name: "id", value: "4" } };
      expect(await ask(client, "completion/complete", params)).toEqual(await direct({ name: "up" }, "completion/complete", params));
      expect((await client.complete(params)).completion).toMatchObject({
        values: ["4-one", "4-two", "4-three"],
        total: 100,
        hasMore: true,
      });
    },
    async unknown(rig) {
      const raw = await rig.bench().raw();
      const argument = { name: "x", value: "" };
      for (const ref of [
        { type: "ref/prompt", name: "nobody" },
        { type: "ref/resource", uri: "test://nobody/{x}" },
      ]) {
        const { error } = await raw.request("completion/complete", { ref, argument });
        expect(error.code).toBe(-32602);
      }
    },
  },
};
