import { expect } from "vitest";
import { ask, type Case, type Cases, direct, probe, type RecordingClient, type Rig } from "./rig.ts";

const S2C = "upstream → client";

const changed = ({ notifications }: RecordingClient, list: string): number =>
  notifications.filter(({ method }) => method === `notifications/${list}/list_changed`).length;

/** A client of a bench of its own, whose lists may change. */
const changing = (rig: Rig, version: string) => rig.bench({ up: { version } }).sdk();

/** A change that is told three times makes one event, and whoever lists then sees it. */
function fresh(list: string, kind: string, method: string, field: string): Case {
  return async (rig) => {
    const recording = await changing(rig, `changing ${kind}`);
    const { client } = recording;
    const before = (await ask(client, method))[field];
    await probe(client, "change", { kinds: [kind], name: "brand-new", times: 3 });
    await expect.poll(() => changed(recording, list)).toBe(1);
    // No waiting: the catalog was fresh before the event.
    const after = (await ask(client, method))[field];
    expect(after.length).toBe(before.length + 1);
    expect(JSON.stringify(after.at(-1))).toContain("brand-new");
    const others = ["tools", "prompts", "resources"].filter((other) => other !== list);
    expect(others.map((other) => changed(recording, other))).toEqual([0, 0]);
  };
}

/** News of lists. */
export const changes: Cases = {
  [`notifications/tools/list_changed, ${S2C}`]: {
    fresh: fresh("tools", "tools", "tools/list", "tools"),
    async removed(rig) {
      const recording = await changing(rig, "changing back");
      const { client } = recording;
      await probe(client, "change", { kinds: ["tools"], name: "brief" });
      await expect.poll(() => changed(recording, "tools")).toBe(1);
      expect((await probe(client, "brief", { a: 1 })).arguments).toEqual({ a: 1 });
      await probe(client, "change", { kinds: ["tools"], name: "brief", action: "remove" });
      await expect.poll(() => changed(recording, "tools")).toBe(2);
      expect((await ask(client, "tools/list")).tools).toEqual((await direct({ name: "up" }, "tools/list")).tools);
      await expect(client.callTool({ name: "brief" })).rejects.toMatchObject({ code: -32602 });
    },
    async nothing(rig) {
      const recording = await changing(rig, "changing nothing");
      const { client } = recording;
      const listed = async (): Promise<number> => (await probe(client, "received", { method: "tools/list" })).received.length;
      const before = await listed();
      await probe(client, "change", { action: "none", kinds: ["tools"] });
      await expect.poll(listed).toBeGreaterThan(before);
      // A real change afterwards is the first event.
      await probe(client, "change", { kinds: ["tools"], name: "real" });
      await expect.poll(() => changed(recording, "tools")).toBe(1);
      const { tools } = await ask(client, "tools/list");
      expect(tools.at(-1).name).toBe("real");
      expect((await probe(client, "real", { a: 1 })).arguments).toEqual({ a: 1 });
    },
  },
  [`notifications/prompts/list_changed, ${S2C}`]: { fresh: fresh("prompts", "prompts", "prompts/list", "prompts") },
  [`notifications/resources/list_changed, ${S2C}`]: {
    fresh: fresh("resources", "resources", "resources/list", "resources"),
    templates: fresh("resources", "templates", "resources/templates/list", "resourceTemplates"),
  },
};
