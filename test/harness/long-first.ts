import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest, the longest first. */
const LONG = [
  "test/plugins/packages.test.ts",
  "test/fidelity/stdio-in.test.ts",
  "test/docs/getting-started.test.ts",
  "test/cli/daemon.test.ts",
  "test/examples/npm-start.test.ts",
  "packages/host/test/contract.test.ts",
  "test/cli/start.test.ts",
  "test/upstream/life.test.ts",
  "test/faults/faults.test.ts",
];

/** Begins with what takes longest, on a machine that has not run the tests before, too: so no worker has a long file left at the end. */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONG.indexOf(relative(this.ctx.config.root, moduleId));
      return place === -1 ? LONG.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
