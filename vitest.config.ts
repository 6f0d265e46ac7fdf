import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/*.test.ts", "test/*/*.test.ts"],
    globalSetup: ["test/harness/census.ts"],
    setupFiles: ["test/harness/coverage.ts"],
    pool: "forks",
    // Two machines' worth of child processes would starve each other on two cores.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The built packages run as they are shipped, so that coverage counts one copy of each file, in tests and in children.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
