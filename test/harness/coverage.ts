import v8 from "node:v8";
import { afterAll } from "vitest";

// A worker may be ended by a signal, which would lose what it covered.
afterAll(() => {
  if (process.env.NODE_V8_COVERAGE) v8.takeCoverage();
});
