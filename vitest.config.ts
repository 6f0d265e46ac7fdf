import { defineConfig } from "vitest/config";
import { LongFirst } from "./test/harness/long-first.ts";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["test/harness/census.ts"],
    setupFiles: ["test/harness/coverage.ts", "test/harness/patience.ts", "test/harness/state.ts"],
    sequence: { sequencer: LongFirst },
    pool: "forks",
    // Two machines' worth of child processes would starve each other on two cores.
    maxWorkers: 2,
    // A test that is right waits for neither, however busy the machine is; harness/patience.ts has the limit of a single wait.
    env: { MCP_HOST_TEST_WAIT: "30000" },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    // The built packages run as they are shipped, so that coverage counts one copy of each file, in tests and in children.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
