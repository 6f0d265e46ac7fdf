import { expect, test, vi } from "vitest";
import { Listings } from "../dist/upstream/lists.js";
import { DEFAULT_LIMITS } from "../dist/wire/limits.js";
import type { Json } from "../dist/wire/message.js";

type Peer = Parameters<Listings["read"]>[0];

/** A live peer whose requests are answered by the test. */
function scripted(answer: (method: string, params: Json | undefined) => Json | Promise<Json>) {
  const request = vi.fn((method: string, params?: Json) => ({ result: Promise.resolve(answer(method, params)) }));
  const peer = { isClosed: false, request } as unknown as Peer; // all that is read of it
  return { peer, request };
}

const listings = (peer: Peer): Listings =>
  new Listings(
    DEFAULT_LIMITS,
    () => peer,
    async () => {},
  );

test("a malformed entry is left out and told, and the rest of the list and its further pages are read", async () => {
  const { peer } = scripted((_method, params) =>
    params?.cursor === "2"
      ? { tools: [{ name: "d" }] }
      : { tools: [{ name: "a" }, { title: "nameless" }, null, { name: "" }, { name: "c" }], nextCursor: "2" },
  );
  const lists = listings(peer);
  await lists.read(peer, ["tool"]);
  expect(lists.known?.tool.map(({ name }) => name)).toEqual(["a", "c", "d"]);
  expect(lists.problems.get("tool")).toMatch(/entry without "name"/);
});

test("readings that wait for a slow one become one", async () => {
  let release = (): void => {};
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { peer, request } = scripted(async (method) => {
    await slow;
    return method === "tools/list" ? { tools: [] } : { prompts: [] };
  });
  const lists = listings(peer);
  const all = [lists.read(peer, ["tool"])];
  await vi.waitFor(() => expect(request).toHaveBeenCalledTimes(1));
  for (let n = 0; n < 10; n++) all.push(lists.read(peer, n % 2 ? ["tool"] : ["prompt"]));
  release();
  await Promise.all(all);
  await lists.done;
  expect(request.mock.calls.map(([method]) => method)).toEqual(["tools/list", "prompts/list", "tools/list"]);
});

test("a reading of a new life is not merged with one of the life before", async () => {
  const [before, now] = [scripted(() => ({ tools: [{ name: "old" }] })), scripted(() => ({ tools: [{ name: "new" }] }))];
  const lists = listings(now.peer);
  await Promise.all([lists.read(before.peer, ["tool"]), lists.read(before.peer, ["tool"]), lists.read(now.peer, ["tool"])]);
  expect(now.request).toHaveBeenCalledTimes(1);
  expect(lists.known?.tool).toEqual([{ name: "new" }]);
});
