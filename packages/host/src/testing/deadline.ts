import { withDeadline } from "../wire/deadline.ts";

// Taken now: a test that puts fake timers in their place means those of the code under test.
const { setTimeout, clearTimeout } = globalThis;

/**
 * No wait in a test is forever: what should happen in memory happens within milliseconds, and whoever waits is told before a runner with the
 * usual limit of 5 s ends the test without a word. On a machine that is slow, `MCP_HOST_TEST_WAIT` says how many milliseconds.
 */
const PATIENCE = Number(process.env.MCP_HOST_TEST_WAIT) || 4_000;

/** The same promise, or in time an error that says what was waited for. */
export function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = (): never => {
    throw new Error(`${what}: nothing came within ${PATIENCE / 1_000} s`);
  };
  return withDeadline(promise, PATIENCE, late, { timers: { setTimeout, clearTimeout } });
}
