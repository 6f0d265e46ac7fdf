// Taken now: a test that puts fake timers in their place means those of the code under test.
const { setTimeout, clearTimeout } = globalThis;

/** No wait in a test is forever: what should happen in memory happens within milliseconds. */
const PATIENCE = 15_000;

/** The same promise, or after 15 s an error that says what was waited for. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing came within ${PATIENCE / 1_000} s`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
