import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { expect } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { ask, type Cases, direct, probe, type RecordingClient, type Rig } from "./rig.ts";

const C2S = "client → upstream";
const S2C = "upstream → client";

const TEXT = "test://up/text";
const updates = ({ notifications }: RecordingClient) =>
  notifications.filter(({ method }) => method === "notifications/resources/updated").map(({ params }) => params);

/** The (un)subscriptions that the upstream was sent, over all its connections. */
async function sent(client: Client, method: "subscribe" | "unsubscribe"): Promise<string[]> {
  const { received } = await probe(client, "received", { method: `resources/${method}`, all: true });
  return received.map(({ params }: Message) => params.uri);
}

/** Two clients that share one connection. */
async function pair(rig: Rig, name: string) {
  const bench = rig.bench({ up: { isolation: "shared", version: name } });
  return [await bench.anotherSdk({}), await bench.anotherSdk({})] as const;
}

/** Which life of the upstream this is. */
async function life(client: Client): Promise<string> {
  const [{ pid }, { this: connection }] = [await probe(client, "environment"), await probe(client, "connections")];
  return `${pid}/${connection}`;
}

/** Breaks the connection to the upstream and waits until there is another. */
export async function reconnect(client: Client): Promise<void> {
  const before = await life(client);
  await probe(client, "expire");
  // A call may still come upon the end of the old one.
  await expect.poll(() => life(client).catch(() => before)).not.toBe(before);
}

/** Reading, subscribing, being told. */
export const resources: Cases = {
  [`resources/read, ${C2S}`]: {
    async kinds(rig) {
      const { client } = await rig.bench().sdk();
      for (const uri of [
        TEXT,
        "test://up/binary",
        "test://up/items/42",
        "test://up/archive/a/b?c=d",
        "test://up/unlisted",
        "ui://up/widget",
      ]) {
        const params = { uri, _meta: { "vendor.test/key": 1 } };
        const expected = await direct({ name: "up" }, "resources/read", params);
        expect(expected.contents).toHaveLength(1);
        expect(await ask(client, "resources/read", params)).toEqual(expected);
        expect((await client.readResource({ uri })).contents[0]?.uri).toBe(uri);
      }
    },
    async unknown(rig) {
      const raw = await rig.bench().raw();
      const uri = "test://elsewhere/x";
      const { error } = await raw.request("resources/read", { uri });
      expect(error).toEqual({ code: -32002, message: "Resource not found", data: { uri } });
    },
    async contested(rig) {
      const { client } = await rig.bench({ a: { base: "test://both/" }, b: { base: "test://both/", prefix: "b_" } }).sdk();
      const { resources: listed } = await client.listResources();
      const { resourceTemplates } = await client.listResourceTemplates();
      expect(listed.map(({ uri }) => uri)).toEqual(
        expect.arrayContaining(["test://both/text", "b+test://both/text", "ui://a/widget", "ui://b/widget"]),
      );
      expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(
        expect.arrayContaining(["test://both/items/{id}", "b+test://both/items/{id}"]),
      );
      for (const path of ["text", "items/1"]) {
        for (const [owner, uri] of [
          ["a", `test://both/${path}`],
          ["b", `b+test://both/${path}`],
        ] as const) {
          const { contents } = await client.readResource({ uri });
          expect(contents).toMatchObject([{ uri, text: `test://both/${path} of ${owner}, version 1` }]);
        }
      }
      // Links and embedded resources too.
      const { content } = await ask(client, "tools/call", { name: "b_link", arguments: { uri: "test://both/text" } });
      expect(content[0].uri).toBe("b+test://both/text");
      expect(content[1].resource.uri).toBe("b+test://both/text");
    },
    async seen(rig) {
      // Neither lists it, and both have resources.
      const bench = rig.bench({ a: {}, b: { prefix: "b_", base: "other://b/" } }, { limits: { seenUris: 50 } });
      const { client } = await bench.sdk();
      const uri = "other://b/unlisted";
      await expect(client.readResource({ uri })).rejects.toMatchObject({ code: -32002 });
      await ask(client, "tools/call", { name: "b_link", arguments: {} });
      expect((await client.readResource({ uri })).contents).toMatchObject([{ uri, text: `${uri} of b, version 1` }]);
    },
  },

  [`resources/subscribe, ${C2S}`]: {
    async told(rig) {
      const { client } = await rig.bench({ up: { version: "told" } }).sdk();
      await client.subscribeResource({ uri: TEXT });
      await client.subscribeResource({ uri: TEXT });
      expect(await sent(client, "subscribe")).toEqual([TEXT]);
    },
    async counted(rig) {
      const [one, two] = await pair(rig, "counted");
      await Promise.all([one.client.subscribeResource({ uri: TEXT }), two.client.subscribeResource({ uri: TEXT })]);
      expect(await sent(one.client, "subscribe")).toEqual([TEXT]);
      await probe(one.client, "touch", { uri: TEXT });
      await expect.poll(() => [updates(one).length, updates(two).length]).toEqual([1, 1]);
    },
    async renewed(rig) {
      const recording = await rig.bench({ up: { version: "renewed" } }).sdk();
      const { client } = recording;
      await client.subscribeResource({ uri: TEXT });
      await reconnect(client);
      await expect.poll(async () => (await probe(client, "subscriptions")).uris).toEqual([TEXT]);
      await probe(client, "touch", { uri: TEXT });
      await expect.poll(() => updates(recording)).toMatchObject([{ uri: TEXT }]);
    },
  },

  [`resources/unsubscribe, ${C2S}`]: {
    async silent(rig) {
      const recording = await rig.bench({ up: { version: "silent" } }).sdk();
      const { client } = recording;
      const other = "test://up/binary";
      await client.subscribeResource({ uri: TEXT });
      await client.subscribeResource({ uri: other });
      await client.unsubscribeResource({ uri: TEXT });
      expect(await sent(client, "unsubscribe")).toEqual([TEXT]);
      await probe(client, "touch", { uri: TEXT, force: true });
      await probe(client, "touch", { uri: other });
      await expect.poll(() => updates(recording)).toMatchObject([{ uri: other }]);
    },
    async last(rig) {
      const [one, two] = await pair(rig, "last");
      await one.client.subscribeResource({ uri: TEXT });
      await two.client.subscribeResource({ uri: TEXT });
      await one.client.unsubscribeResource({ uri: TEXT });
      expect(await sent(one.client, "unsubscribe")).toEqual([]);
      await probe(one.client, "touch", { uri: TEXT });
      await expect.poll(() => updates(two)).toMatchObject([{ uri: TEXT }]);
      await two.client.unsubscribeResource({ uri: TEXT });
      expect(await sent(one.client, "unsubscribe")).toEqual([TEXT]);
      expect(updates(one)).toEqual([]);
    },
  },

  [`notifications/resources/updated, ${S2C}`]: {
    async subscribers(rig) {
      const recording = await rig.bench({ up: { version: "updated" } }).sdk();
      const { client } = recording;
      const uri = "test://up/binary";
      await client.subscribeResource({ uri });
      await probe(client, "touch", { uri: TEXT, force: true });
      await probe(client, "touch", { uri });
      await expect.poll(() => updates(recording)).toEqual([{ uri, _meta: { "example.test/touched": uri } }]);
    },
    async contested(rig) {
      const bench = rig.bench({ a: { base: "test://both/" }, b: { base: "test://both/", prefix: "b_" } });
      const recording = await bench.anotherSdk();
      const { client } = recording;
      await client.subscribeResource({ uri: "b+test://both/text" });
      expect((await probe(client, "b_subscriptions")).uris).toEqual(["test://both/text"]);
      await probe(client, "b_touch", { uri: "test://both/text" });
      await expect.poll(() => updates(recording)).toMatchObject([{ uri: "b+test://both/text" }]);
    },
  },
};
