import http from "node:http";
import auth from "@host/plugin-auth";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { newKey } from "../../packages/plugin-auth/dist/keys.js";
import { type EraServer, serveEra } from "../fixtures/eras.mjs";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, type TestHost } from "../harness/hosts.ts";
import { ModernHttp } from "../harness/modern-client.ts";
import { type Keeper, legacyKeeper, modernKeeper, secretOf } from "./eras.ts";

const KEY = "io.modelcontextprotocol/";
const COUNT = 100;
const PEPPER = "a pepper for tests only";
const SERVERS = ["old", "new"] as const;

/** One in four is anonymous; the others are as many principals, each with a client of either era. */
const principals = Array.from({ length: COUNT }, (_, n) => (n % 4 === 0 ? undefined : `p${n}`));
const keys = new Map(principals.flatMap((id) => (id === undefined ? [] : [[id, newKey(id, PEPPER)]])));

describe(`${COUNT} sessions of the legacy era and ${COUNT} clients of the modern one, on one server of each`, () => {
  let servers: EraServer[];
  let running: TestHost;
  let legacy: Keeper[];
  let modern: Keeper[];
  const all = (): Keeper[] => [...legacy, ...modern];

  beforeAll(async () => {
    servers = [await serveEra("legacy", "old_"), await serveEra("modern", "new_")];
    const plugin = auth({
      apiKeys: { pepper: PEPPER, keys: [...keys].map(([id, { digest }]) => ({ id, digest, roles: [id] })) },
      anonymous: ["nobody"],
      rules: [
        { allow: { tools: ["*_slow", "*_form", "*_touch", "*_grow"], resources: ["*"] } },
        ...[...keys.keys()].map((id) => ({ roles: [id], allow: { tools: [`*_grown_${id}`] } })),
      ],
    });
    running = await startHost({
      mcpServers: { old: { url: servers[0]?.url ?? "" }, new: { url: servers[1]?.url ?? "" } },
      plugins: [plugin],
      limits: { questionsPerConnection: 2 * COUNT, parked: 2 * COUNT },
    });
    await vi.waitFor(() => expect(running.host.status().upstreams).toMatchObject([{ state: "ready" }, { state: "ready" }]));
    const options = (number: number) => {
      const principal = principals[number % COUNT];
      const key = principal === undefined ? undefined : keys.get(principal)?.key;
      const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
      return { principal, secret: secretOf(number), headers };
    };
    legacy = await Promise.all(principals.map((_, n) => legacyKeeper(running.url, options(n))));
    modern = principals.map((_, n) => modernKeeper(running.url, options(COUNT + n)));
  });
  afterAll(async () => {
    await Promise.all(all().map((each) => each.close()));
    await running.host.close();
    for (const server of servers) await server.close();
  });

  const of = (keeper: Keeper, method: string): Message[] =>
    keeper.received.filter((message) => message.method === method).map(({ params }) => params);

  test("each gets its own progress and log lines, all of them", async () => {
    const results = await Promise.all(
      all().flatMap((each) => SERVERS.map((server) => each.call(`${server}_slow`, { say: each.secret }, `${server} ${each.secret}`))),
    );
    for (const result of results) expect(result.content).toEqual([{ type: "text", text: "slow" }]);
    for (const each of all()) {
      const progress = of(each, "notifications/progress").map(({ progressToken, progress, message }) => [progressToken, progress, message]);
      const wanted = SERVERS.flatMap((server) => [1, 2].map((step) => [`${server} ${each.secret}`, step, each.secret]));
      expect(progress.sort()).toEqual(wanted.sort());
      const lines = of(each, "notifications/message").map(({ data }) => data);
      expect(lines.sort()).toEqual([1, 1, 2, 2].map((step) => `step ${step} ${each.secret}`));
    }
  });

  test("each is asked its own questions, and its answers are its calls'", async () => {
    await Promise.all(
      all().flatMap((each) =>
        SERVERS.map(async (server) => {
          const result = await each.call(`${server}_form`, { say: each.secret });
          expect(JSON.parse(result.content[0].text)).toEqual({ form: { action: "accept", content: { ok: true, secret: each.secret } } });
        }),
      ),
    );
    for (const each of legacy) expect(of(each, "elicitation/create").map(({ message }) => message)).toEqual([each.secret, each.secret]);
    for (const each of modern) {
      const rounds = each.received.filter(({ result }) => result?.resultType === "input_required");
      const asked = rounds.flatMap(({ result }) => Object.values<Message>(result.inputRequests).map(({ params }) => params.message));
      expect(asked).toEqual([each.secret, each.secret]);
    }
    expect(running.host.status().inFlight).toBe(0);
  });

  test("each hears of the resources that it listens to", async () => {
    const uri = (server: string, { secret }: Keeper): string => `test://${server}/by/${secret}`;
    await Promise.all(all().map((each) => each.listen(SERVERS.map((server) => uri(server, each)))));
    // Each by another one.
    const touch = (each: Keeper, index: number) =>
      SERVERS.map((server) =>
        all()
          .at(index - 1)
          ?.call(`${server}_touch`, { uri: uri(server, each) }),
      );
    await Promise.all(all().flatMap(touch));
    const updates = (each: Keeper): string[] =>
      [...new Set(of(each, "notifications/resources/updated").map((params) => params.uri))].sort();
    await vi.waitFor(() => {
      for (const each of all()) expect(updates(each)).toEqual(SERVERS.map((server) => uri(server, each)).sort());
    });
  });

  test("each hears of a list only where what it may see of it has changed", async () => {
    const growing = [...keys.keys()].slice(0, 4);
    const changes = (each: Keeper): number => of(each, "notifications/tools/list_changed").length;
    const wanted = new Map(all().map((each) => [each, changes(each)]));
    for (const name of growing)
      for (const server of SERVERS) {
        await legacy[0]?.call(`${server}_grow`, { name }); // who may not see it
        for (const each of all()) if (each.principal === name) wanted.set(each, (wanted.get(each) ?? 0) + 1);
        await vi.waitFor(() => expect(all().map(changes)).toEqual([...wanted.values()]));
      }
    expect([...wanted.values()].filter((count) => count > 0)).toEqual(Array.from({ length: 2 * growing.length }, () => SERVERS.length));
  });

  test("and nobody has had a byte of anybody else's", () => {
    const secrets = new Set<string>();
    for (const each of all()) {
      const found = new Set(JSON.stringify(each.received).match(/secret-\d+-[0-9a-f]{16}/g));
      expect([...found]).toEqual([each.secret]);
      secrets.add(each.secret);
      expect(JSON.stringify(each.received)).not.toMatch(/grown_/);
    }
    expect(secrets.size).toBe(2 * COUNT);
    for (const { received } of servers) {
      const sent = new Set(received.flatMap(({ body }) => JSON.stringify(body ?? {}).match(/secret-\d+-[0-9a-f]{16}/g) ?? []));
      expect(sent).toEqual(secrets);
      for (const { key } of keys.values()) expect(received.some(({ headers }) => headers.authorization?.includes(key))).toBe(false);
    }
    expect(running.host.status().upstreams.map(({ dropped }) => dropped)).toEqual([0, 0]);
  });
});

test("what one client of the modern era can be asked is not what the next one can, on one connection to the host and one beyond it", async () => {
  await using server = { ...(await serveEra("modern", "new_")), [Symbol.asyncDispose]: () => server.close() };
  await using running = await startHost({ mcpServers: { new: { url: server.url } } });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const client = new ModernHttp(running.url, {}, agent);
  const sets: Message[] = [{}, { elicitation: { form: {} } }, { sampling: {} }, { roots: {} }];
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const capabilities = sets[n % sets.length] ?? {};
      const meta = { [`${KEY}clientCapabilities`]: capabilities };
      const { messages } = await client.send("tools/call", { name: "new_form", arguments: { say: `call ${n}` } }, { meta });
      return { n, capabilities, answer: messages.at(-1) };
    }),
  );
  for (const { n, capabilities, answer } of answers) {
    if ("elicitation" in capabilities) expect(Object.values<Message>(answer?.result.inputRequests)[0]?.params.message).toBe(`call ${n}`);
    else expect(answer?.error).toBeDefined();
    const { body } = server.received.find((seen) => seen.body?.params?.arguments?.say === `call ${n}`) ?? {};
    expect(body?.params._meta[`${KEY}clientCapabilities`]).toEqual(capabilities);
  }
  agent.destroy();
});
