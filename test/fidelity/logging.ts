import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect } from "vitest";
import { reconnect } from "./resources.ts";
import { type Cases, probe, type RecordingClient } from "./rig.ts";

const C2S = "client → upstream";
const S2C = "upstream → client";

/** The log lines of a client with this text, without those of other cases. */
const lines = ({ notifications }: RecordingClient, data: string) =>
  notifications.filter(({ method, params }) => method === "notifications/message" && params?.data === data).map(({ params }) => params);
const levels = (recording: RecordingClient, data: string) => lines(recording, data).map((params) => params?.level);

/** Levels and lines. */
export const logging: Cases = {
  [`logging/setLevel, ${C2S}`]: {
    async spread(rig) {
      const { client } = await rig.bench({ a: { prefix: "a_" }, b: { prefix: "b_", without: ["logging"] }, c: { prefix: "c_" } }).sdk();
      await client.setLoggingLevel("warning");
      for (const name of ["a", "c"]) await expect.poll(async () => (await probe(client, `${name}_level`)).level).toBe("warning");
      expect((await probe(client, "b_received", { method: "logging/setLevel" })).received).toEqual([]);
    },
    async late(rig) {
      const { client } = await rig.bench({ up: { version: "late" }, lazy: { prefix: "lazy_", start: "lazy" } }).sdk();
      await client.setLoggingLevel("error");
      await expect.poll(async () => (await probe(client, "level")).level).toBe("error");
      await reconnect(client);
      await expect.poll(async () => (await probe(client, "level")).level).toBe("error");
      await expect.poll(async () => (await probe(client, "lazy_level")).level).toBe("error");
    },
    async shared(rig) {
      const bench = rig.bench({ up: { isolation: "shared", version: "levels" } });
      const [one, two] = [await bench.anotherSdk({}), await bench.anotherSdk({})];
      await one.client.setLoggingLevel("error");
      await two.client.setLoggingLevel("info");
      await expect.poll(async () => (await probe(one.client, "level")).level).toBe("info");
      await probe(one.client, "log", { data: "for one" });
      await probe(two.client, "log", { data: "for two" });
      await expect.poll(() => levels(one, "for one")).toEqual(["error", "critical", "alert", "emergency"]);
      await expect.poll(() => levels(two, "for two")).toEqual(["info", "notice", "warning", "error", "critical", "alert", "emergency"]);
      expect([...levels(one, "for two"), ...levels(two, "for one")]).toEqual([]);
    },
    async refused(rig) {
      const raw = await rig.bench().raw();
      const { error } = await raw.request("logging/setLevel", { level: "loud" });
      expect(error.code).toBe(-32602);
    },
  },

  [`notifications/message, ${S2C}`]: {
    async whole(rig) {
      const recording = await rig.bench({ up: { version: "log" } }).sdk();
      const { client } = recording;
      const seen: unknown[] = [];
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void seen.push(params));
      const data = { text: "structured", nested: [1, null] };
      await probe(client, "log", { levels: ["debug", "info"], data, logger: "the logger" });
      await expect.poll(() => seen.length).toBe(2);
      expect(seen[1]).toEqual({ level: "info", logger: "the logger", data, _meta: { "example.test/log": "info" } });
      await client.setLoggingLevel("alert");
      await expect.poll(async () => (await probe(client, "level")).level).toBe("alert");
      // The host filters too, whatever the upstream sends.
      await probe(client, "log", { force: true, data: "filtered" });
      await expect.poll(() => seen.slice(2)).toMatchObject([{ level: "alert" }, { level: "emergency" }]);
    },
    async logger(rig) {
      const recording = await rig.bench({ a: { prefix: "a_" }, b: { prefix: "b_" } }).anotherSdk();
      await probe(recording.client, "a_log", { levels: ["info"], data: "prefixed", logger: "db" });
      await probe(recording.client, "b_log", { levels: ["info"], data: "prefixed", logger: "db" });
      await expect.poll(() => lines(recording, "prefixed")).toMatchObject([{ logger: "a/db" }, { logger: "b/db" }]);
    },
  },
};
