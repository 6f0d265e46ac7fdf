import { expect } from "vitest";

/** CPU milliseconds that this process has spent, all its threads together: what others do on the machine hardly counts. */
function spent(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** UTF-16 units of the texts that are tried. */
const SIZES = [10_000, 100_000, 300_000] as const;
/** CPU milliseconds that the longest may take, on a busy machine and while coverage is counted, too. What is quadratic takes minutes. */
const MOST = 300;
/** What takes no longer for the longest needs no closer look. */
const LITTLE = 20;
/** The same job again where something else came between, such as a garbage collection. */
const TRIES = 4;

/** What texts are made of that regular expressions, parsers and globs may trip over, by being repeated. */
export const SEEDS: readonly string[] = [
  ..."a1/.:=-_%?#&\\\"'{[(*@ \n\t\0",
  "-eyJaaaaaaaa",
  "eyJaaaaaaaaa.",
  "eyJaaaaaaaa.eyJaaaaaaaa-",
  `-mcph_${"_".repeat(40)}.`,
  "-sk-",
  `sk-${"-".repeat(60)}.`,
  "-xoxb-1",
  ".ghp_aaaaaaaaaaaaaaaaaaaaaaaa_",
  "AKIA1234567890ABCDE",
  "Bearer ",
  "Bearer\t\t\t\t.",
  "-----BEGIN ",
  "-----BEGIN A PRIVATE KEY",
  "-----BEGIN PRIVATE KEY-----",
  "-----END PRIVATE KEY",
  "canary-of-many-letters".slice(0, -1),
  "/private/",
  "../",
  "/./",
  "//",
  "%25",
  "%2e%2e%2f",
  "?a=b&",
  "{a}",
  "{,",
  "[a](",
  "data: a\n",
  "\r\n",
  "\n\n",
  "\u001b[",
  "\u009b0",
  "\u001b]0;",
  "\u202e",
  "\u200d",
  "\u{1f468}\u200d",
  "\ud800",
  "e\u0301",
  "\u{e0041}",
  "a@a.",
  "4111 1111 ",
  "DE89 3704 ",
  "1:",
  "::",
  "+1 (555) ",
  "10.0.",
];

/** One text for each seed; of length `size`. */
export function textOf(seed: string, size: number): string {
  return seed.repeat(Math.ceil(size / seed.length)).slice(0, size);
}

/**
 * Holds a job to time that is linear in the text: three times the text may cost six times as much and 20 ms more, and
 * 300,000 UTF-16 units at most 300 ms of CPU.
 */
export async function expectLinear(what: string, seed: string, job: (text: string) => unknown): Promise<void> {
  const [short, middle, long] = SIZES.map((size) => textOf(seed, size)) as [string, string, string];
  const cost = async (text: string): Promise<number> => {
    const before = spent();
    await job(text);
    return spent() - before;
  };
  // A job that is quadratic would take minutes for the longest.
  if ((await cost(short)) < MOST && (await cost(middle)) < MOST && (await cost(long)) < LITTLE) return;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.POSITIVE_INFINITY;
  for (let time = 0; time < TRIES; time++) {
    least = Math.min(least, await cost(middle));
    most = Math.min(most, await cost(long));
    if (most < MOST && most <= 6 * least + LITTLE) return;
  }
  expect.fail(`${what} takes ${least} ms of CPU for ${SIZES[1]} units of ${JSON.stringify(seed)}, and ${most} ms for ${SIZES[2]}`);
}
