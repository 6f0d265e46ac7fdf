import { describe, expect, test } from "vitest";
import { IdTable } from "../dist/wire/id-table.js";
import { type Member, Roster } from "../dist/wire/roster.js";

/** Numbers that look random and are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

describe("a table by ids", () => {
  test.each([1, 2, 3, 4])("does what a Map does, whatever comes and goes (%i)", (seed) => {
    const next = numbers(seed);
    const table = new IdTable<object>();
    const map = new Map<number, object>();
    // Ids in a row as a peer mints them, and ids that share a place in tables of every size.
    const id = (): number => (next(3) === 0 ? 1 + next(8) * 4096 : 1 + next(300));
    for (let turn = 0; turn < 20_000; turn++) {
      const key = id();
      if (next(2) === 0 && map.size < 200) {
        const value = { turn };
        table.set(key, value);
        map.set(key, value);
      } else {
        expect(table.delete(key)).toBe(map.get(key));
        map.delete(key);
      }
      const looked = id();
      expect(table.get(looked)).toBe(map.get(looked));
      expect(table.size).toBe(map.size);
    }
    expect(table.ids().sort((a, b) => a - b)).toEqual([...map.keys()].sort((a, b) => a - b));
  });

  test("what a peer sends that is no id of ours is not in it", () => {
    const table = new IdTable<object>();
    table.set(1, {});
    for (const id of ["1", 0, -1, 1.5, Number.NaN, 1 + 2 ** 32, 2 ** 53] as const) {
      expect(table.has(id)).toBe(false);
      expect(table.delete(id)).toBeUndefined();
    }
    expect(table.size).toBe(1);
  });

  test("ids beyond 32 bits are told apart", () => {
    const table = new IdTable<string>();
    table.set(2 ** 40 + 1, "a");
    table.set(2 ** 41 + 1, "b");
    expect([table.get(2 ** 40 + 1), table.get(2 ** 41 + 1), table.get(1)]).toEqual(["a", "b", undefined]);
  });
});

describe("a roster", () => {
  const member = (): Member => ({ place: undefined });
  const members = (roster: Roster<Member>): Set<Member> => {
    const found = new Set<Member>();
    roster.forEach((each) => {
      found.add(each);
    });
    return found;
  };

  test("does what a Set does, whatever comes and goes", () => {
    const next = numbers(5);
    const all = Array.from({ length: 50 }, member);
    const roster = new Roster<Member>();
    const set = new Set<Member>();
    for (let turn = 0; turn < 2_000; turn++) {
      const each = all[next(all.length)] as Member;
      if (next(2) === 0) {
        roster.add(each);
        set.add(each);
      } else {
        roster.delete(each);
        set.delete(each);
      }
      expect(roster.size).toBe(set.size);
    }
    expect(members(roster)).toEqual(set);
  });

  test("each is looked at once, though some leave meanwhile", () => {
    const [a, b, c, d] = [member(), member(), member(), member()];
    const roster = new Roster<Member>();
    for (const each of [a, b, c, d]) roster.add(each);
    const seen: Member[] = [];
    roster.forEach((each) => {
      seen.push(each);
      roster.delete(each);
      if (each === d) roster.delete(b);
    });
    expect(seen).toEqual([d, c, a]);
    expect(roster.size).toBe(0);
  });
});
