import { sqlite } from "@host/plugin-sqlite";
import { expect, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { FakeClock, world } from "./world.ts";

const members = ["a", "b", "c"];
const person = (id: string) => ({ principal: { id, roles: [] } });

test("with a store that lasts, another host knows who stays where and what is drained", async () => {
  using folder = temporary();
  const plugins = [sqlite({ file: `${folder.path}/store.sqlite` })];
  const where: Record<string, string> = {};
  {
    await using first = await world({ members, sticky: "principal" }, { plugins });
    for (const id of ["p1", "p2", "p3", "p4"]) where[id] = (await first.answered(1, { client: await first.connect(person(id)) }))[0] ?? "";
    expect(new Set(Object.values(where)).size).toBe(3);
  }
  await using second = await world({ members, sticky: "principal" }, { plugins });
  for (const [id, server] of Object.entries(where).reverse())
    expect(await second.answered(2, { client: await second.connect(person(id)) }), id).toEqual([server, server]);
  await second.host.operator.run("routing:drain", { server: "a", now: true }, "test");
  await using third = await world({ members, sticky: "principal" }, { plugins });
  expect(third.report().groups.group.members.a?.state).toBe("drained");
});

test("who stays somewhere is forgotten after its time", async () => {
  const clock = new FakeClock();
  await using w = await world({ members, sticky: "session", stickyFor: "1m" }, { clock });
  const [first] = await w.answered(1);
  await clock.advance(30_000);
  expect(await w.answered(1)).toEqual([first]);
  await clock.advance(59_000);
  expect(await w.answered(1)).toEqual([first]);
  await clock.advance(61_000);
  expect((await w.answered(1))[0]).not.toBe(first);
});
