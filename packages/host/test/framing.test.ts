import { expect, test } from "vitest";
import { FrameTooLarge, LineFramer } from "../dist/wire/framing.js";
import { splits } from "./chunks.ts";

/** The lines that these chunks make. */
function lines(chunks: readonly Buffer[], limit = 1_000): string[] {
  const found: string[] = [];
  const framer = new LineFramer(limit, (line) => found.push(line.toString()));
  for (const chunk of chunks) framer.push(chunk);
  return found;
}

test("each line is one frame, and an unfinished line is none", () => {
  expect(lines([Buffer.from('{"a":1}\n{"b":2}\n{"c"')])).toEqual(['{"a":1}', '{"b":2}']);
});

test("a line may end with CRLF, and empty lines are left out", () => {
  expect(lines([Buffer.from("\n\r\na\r\n\n\nb\n\r\n")])).toEqual(["a", "b"]);
});

test("a CR inside a line belongs to it", () => {
  expect(lines([Buffer.from("a\rb\r\r\n")])).toEqual(["a\rb\r"]);
});

test("however the bytes are cut into chunks, the frames are the same", () => {
  const text = Buffer.from('{"é":"日本語"}\r\n\n{"emoji":"👩‍👩‍👧"}\n\r\nplain\n\n\n{"last":true}\r\nrest');
  const whole = lines([text]);
  expect(whole).toHaveLength(4);
  for (const chunks of splits(text)) expect(lines(chunks), String(chunks.map(({ length }) => length))).toEqual(whole);
});

test("a line as long as the limit passes, whole or in pieces, and one byte more does not", () => {
  for (const size of [9, 10]) {
    const line = "x".repeat(size);
    expect(lines([Buffer.from(`${line}\n`)], 10)).toEqual([line]);
    expect(
      lines(
        [...`${line}\n`].map((byte) => Buffer.from(byte)),
        10,
      ),
    ).toEqual([line]);
  }
  expect(() => lines([Buffer.from(`${"x".repeat(11)}\n`)], 10)).toThrow(FrameTooLarge);
  expect(() =>
    lines(
      [..."x".repeat(11)].map((byte) => Buffer.from(byte)),
      10,
    ),
  ).toThrow(FrameTooLarge);
});

test("a line without an end is given up as soon as it is longer than the limit", () => {
  const framer = new LineFramer(10, () => {});
  framer.push(Buffer.alloc(10, "x"));
  expect(framer.pending).toBe(10);
  expect(() => framer.push(Buffer.from("x"))).toThrow("longer than 10 bytes");
  expect(framer.pending).toBe(0);
});

test("the frames before an oversized line are given", () => {
  const found: string[] = [];
  const framer = new LineFramer(5, (line) => found.push(line.toString()));
  expect(() => framer.push(Buffer.from("one\ntwo\ntoo long\nfour\n"))).toThrow(FrameTooLarge);
  expect(found).toEqual(["one", "two"]);
});

test("a frame of 32 MB in small chunks is joined once and not once per chunk", () => {
  const chunk = Buffer.alloc(16 * 1024, "x");
  let size = 0;
  const framer = new LineFramer(64 * 1024 ** 2, (line) => {
    size = line.length;
  });
  const start = performance.now();
  for (let count = 0; count < 2_048; count++) framer.push(chunk);
  framer.push(Buffer.from("\n"));
  expect(size).toBe(32 * 1024 ** 2);
  // Joining at every chunk copies 34 GB, which no machine does in this time.
  expect(performance.now() - start).toBeLessThan(2_000);
});

test("of an oversized line that is left out the first 4 KB and the last 512 bytes are told, however it was cut into chunks", () => {
  const text = Buffer.from(`${"abcdefghij".repeat(1_000)}\nshort\n`);
  for (const size of [1, 7, 1_000, 4_096, 20_000]) {
    const heads: string[] = [];
    const tails: string[] = [];
    const found: string[] = [];
    const framer = new LineFramer(
      9_000,
      (line) => found.push(line.toString()),
      (head) => {
        heads.push(head.toString());
        return (tail) => tails.push(tail.toString());
      },
    );
    for (let at = 0; at < text.length; at += size) framer.push(text.subarray(at, at + size));
    const line = "abcdefghij".repeat(1_000);
    expect({ heads, tails, found }).toEqual({ heads: [line.slice(0, 4_096)], tails: [line.slice(-512)], found: ["short"] });
  }
});
