import { expect, test } from "vitest";
import { followed, type LineReader } from "../dist/operator/followed.js";

/** Lines that a test hands on. */
function source() {
  const state = { reader: undefined as LineReader | undefined, stopped: 0 };
  const begin = (reader: LineReader) => {
    state.reader = reader;
    return () => void state.stopped++;
  };
  return { state, begin };
}

const missing = (lines: number) => `${lines} missing`;

test("what came and what comes is given in its order, until there is no more", async () => {
  const { state, begin } = source();
  const lines = followed(begin, missing, new AbortController().signal);
  state.reader?.read("a");
  const got: string[] = [];
  const reading = (async () => {
    for await (const line of lines) {
      got.push(line);
      if (line === "a") queueMicrotask(() => state.reader?.read("b"));
      if (line === "b") queueMicrotask(() => state.reader?.end());
    }
  })();
  await reading;
  expect(got).toEqual(["a", "b"]);
  expect(state.stopped).toBeGreaterThan(0);
});

test("what has ended before anybody reads gives what came", async () => {
  const lines = followed(
    ({ read, end }) => {
      read("a");
      read("b");
      end();
      return () => {};
    },
    missing,
    new AbortController().signal,
  );
  expect(await all(lines)).toEqual(["a", "b"]);
});

test("of one who does not read only so many wait, and how many are missing is told", async () => {
  const { state, begin } = source();
  const lines = followed(begin, missing, new AbortController().signal);
  for (let line = 0; line < 3_000; line++) state.reader?.read(String(line));
  state.reader?.end();
  const got = await all(lines);
  expect(got).toHaveLength(2_049);
  expect(got.at(-1)).toBe("952 missing");
});

test("whoever does not read any more is let go, by the signal or by leaving", async () => {
  const { state, begin } = source();
  const abort = new AbortController();
  const lines = followed(begin, missing, abort.signal);
  const reading = all(lines);
  abort.abort();
  expect(await reading).toEqual([]);
  expect(state.stopped).toBeGreaterThan(0);

  const second = source();
  const others = followed(second.begin, missing, new AbortController().signal);
  second.state.reader?.read("a");
  for await (const line of others) {
    expect(line).toBe("a");
    break;
  }
  expect(second.state.stopped).toBe(1);
});

test("a signal that is aborted already begins nothing that stays", async () => {
  const { state, begin } = source();
  expect(await all(followed(begin, missing, AbortSignal.abort()))).toEqual([]);
  expect(state.stopped).toBeGreaterThan(0);
});

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const got: string[] = [];
  for await (const line of lines) got.push(line);
  return got;
}
