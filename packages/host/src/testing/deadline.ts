import { withDeadline } from "../wire/deadline.ts";

// Taken now: a test that puts fake timers in their place means those of the code under test.
const { setTimeout, clearTimeout } = globalThis;

/** No wait in a test is forever: what should happen in memory happens within milliseconds. */
const PATIENCE = 15_000;

/** The same promise, or after 15 s an error that says what was waited for. */
export function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = (): never => {
    throw new Error(`${what}: nothing came within ${PATIENCE / 1_000} s`);
  };
  return withDeadline(promise, PATIENCE, late, { timers: { setTimeout, clearTimeout } });
}
