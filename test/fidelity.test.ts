import { afterAll, describe, expect, it } from "vitest";
import { asking } from "./fidelity/asking.ts";
import { calls } from "./fidelity/calls.ts";
import { changes } from "./fidelity/changes.ts";
import { http } from "./fidelity/http.ts";
import { lists } from "./fidelity/lists.ts";
import { logging } from "./fidelity/logging.ts";
import { progress } from "./fidelity/progress.ts";
import { prompts } from "./fidelity/prompts.ts";
import { resources } from "./fidelity/resources.ts";
import { type Cases, Rig } from "./fidelity/rig.ts";
import { casesOf, nameOf, rows, WAYS_IN, WAYS_OUT } from "./fidelity/rows.mjs";
import { session } from "./fidelity/session.ts";
import { tasks } from "./fidelity/tasks.ts";

const all: [string, Cases[string]][] = [session, lists, calls, resources, prompts, logging, tasks, asking, progress, changes, http].flatMap(
  (cases) => Object.entries(cases),
);
const cases: Cases = {};
for (const [row, ofRow] of all) cases[row] = { ...cases[row], ...ofRow };

describe("the pass-through matrix", () => {
  it("has a case for every sentence of every row, and no case without one", () => {
    const told = rows.flatMap((row) => casesOf(row).map(({ key }) => `${nameOf(row)}: ${key}`));
    const shown = Object.entries(cases).flatMap(([row, ofRow]) => Object.keys(ofRow).map((key) => `${row}: ${key}`));
    expect(shown.sort()).toEqual(told.sort());
    expect(rows.filter((row) => casesOf(row).length === 0)).toEqual([]);
  });
});

for (const into of WAYS_IN) {
  for (const out of WAYS_OUT) {
    describe(`with ${into} in and ${out} out`, () => {
      const rig = new Rig(into, out);
      afterAll(() => rig.close());
      for (const row of rows) {
        for (const { key, title, into: ways, out: outs } of casesOf(row)) {
          const run = cases[nameOf(row)]?.[key];
          if (run && ways.includes(into) && outs.includes(out)) it(`${nameOf(row)}: ${title}`, () => run(rig));
        }
      }
    });
  }
}
