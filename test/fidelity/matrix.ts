import type { Config } from "mcp-host";
import { afterAll, describe, it } from "vitest";
import type { WayIn } from "../harness/clients.ts";
import { asking } from "./asking.ts";
import { calls } from "./calls.ts";
import { changes } from "./changes.ts";
import { http } from "./http.ts";
import { lists } from "./lists.ts";
import { logging } from "./logging.ts";
import { progress } from "./progress.ts";
import { prompts } from "./prompts.ts";
import { resources } from "./resources.ts";
import { type Cases, Rig, type WayOut } from "./rig.ts";
import { casesOf, nameOf, rows, WAYS_OUT } from "./rows.mjs";
import { session } from "./session.ts";
import { tasks } from "./tasks.ts";

const all: [string, Cases[string]][] = [session, lists, calls, resources, prompts, logging, tasks, asking, progress, changes, http].flatMap(
  (cases) => Object.entries(cases),
);
/** Every case, by row and by key. */
export const cases: Cases = {};
for (const [row, ofRow] of all) cases[row] = { ...cases[row], ...ofRow };

/** The tests of every case over one way in and every way out, or over one way out with these plugins. */
export function passThrough(into: WayIn, plugged?: { readonly out: WayOut; readonly plugins: Config["plugins"] }): void {
  for (const out of plugged ? [plugged.out] : WAYS_OUT) {
    describe(`with ${into} in and ${out} out${plugged ? ", with plugins" : ""}`, () => {
      const rig = new Rig(into, out, plugged?.plugins);
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
