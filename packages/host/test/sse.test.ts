import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { FrameTooLarge } from "../dist/wire/framing.js";
import { encodeEvent, SSE_KEEP_ALIVE, SseParser } from "../dist/wire/sse.js";
import { splits } from "./chunks.ts";

interface Parsed {
  events: { event: string; data: string; id: string | undefined }[];
  lastEventId: string | undefined;
  retry: number | undefined;
}

function parse(chunks: readonly (Buffer | string)[], limit = 1_000): Parsed {
  const events: Parsed["events"] = [];
  const parser = new SseParser(limit, ({ event, data, id }) => events.push({ event, data: data.toString(), id }));
  for (const chunk of chunks) parser.push(Buffer.from(chunk));
  return { events, lastEventId: parser.lastEventId, retry: parser.retry };
}

const data = (text: string): string[] => parse([text]).events.map((event) => event.data);

test("an event is a message unless it says otherwise", () => {
  expect(parse(["data: one\n\nevent: endpoint\ndata: two\n\ndata: three\n\n"]).events).toEqual([
    { event: "message", data: "one", id: undefined },
    { event: "endpoint", data: "two", id: undefined },
    { event: "message", data: "three", id: undefined },
  ]);
});

test("several data lines are joined by line breaks, and one space after the colon is no data", () => {
  expect(data("data: one\ndata:two\ndata:  three\ndata\n\n")).toEqual(["one\ntwo\n three\n"]);
});

test("comments, unknown fields and keep-alives are ignored", () => {
  expect(data(`: hello\n${SSE_KEEP_ALIVE}foo: bar\nfoo\n:\ndata: x\n: inside\n\n${SSE_KEEP_ALIVE}`)).toEqual(["x"]);
});

test("an event of very many short lines is whole, and while it comes costs little more than its bytes", () => {
  const [limit, times] = [4 * 1024 * 1024, 400_000];
  const events: Buffer[] = [];
  const parser = new SseParser(limit, (event) => events.push(event.data));
  const chunk = Buffer.from(`data:x\n:${"c".repeat(500)}\n`.repeat(times / 100));
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage();
  for (let n = 0; n < 100; n++) parser.push(Buffer.from(chunk)); // 200 MB, of which 800 kB count
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  parser.push(Buffer.from("\n"));
  expect(events.map((data) => data.equals(Buffer.from("x\n".repeat(times).slice(0, -1))))).toEqual([true]);
  expect([heapUsed - before.heapUsed, arrayBuffers - before.arrayBuffers].map((bytes) => bytes < 20 * 1024 * 1024)).toEqual([true, true]);
  expect(() => parse(["data:\n".repeat(64 * 1024 + 1)], 64 * 1024)).toThrow(FrameTooLarge);
});

test("an event without data is none, but its id counts", () => {
  expect(parse(["id: 7\nevent: ping\n\n"])).toEqual({ events: [], lastEventId: "7", retry: undefined });
});

test("an event that the stream did not finish is none", () => {
  expect(data("data: one\n\ndata: two\n")).toEqual(["one"]);
});

test("the id holds for later events until another one or an empty one comes, and one with NUL is none", () => {
  const { events } = parse(["id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid\ndata: d\n\n"]);
  expect(events.map(({ id }) => id)).toEqual(["1", "1", "1", ""]);
});

test("retry counts if it is a number", () => {
  expect(parse(["retry: 250\n\n"]).retry).toBe(250);
  for (const wrong of ["1.5", "-1", "soon", "", "1e3", "99999999999"]) expect(parse([`retry: ${wrong}\n\n`]).retry).toBeUndefined();
});

test("lines may end with CRLF", () => {
  expect(parse(["id: 1\r\nevent: e\r\ndata: one\r\ndata: two\r\n\r\ndata: three\r\n\r\n"]).events).toEqual([
    { event: "e", data: "one\ntwo", id: "1" },
    { event: "message", data: "three", id: "1" },
  ]);
});

test("however the bytes are cut into chunks, the events are the same", () => {
  for (const newline of ["\n", "\r\n", "\r"]) {
    const text = [
      ": hi",
      "",
      "retry: 10",
      "id: a",
      "event: e",
      'data: {"é":"日本語"}',
      "data",
      "",
      "",
      "data:👩‍👩‍👧",
      "id",
      "",
      "data: rest",
    ];
    const bytes = Buffer.from(text.join(newline));
    const whole = parse([bytes]);
    expect(whole.events).toHaveLength(2);
    for (const chunks of splits(bytes)) expect(parse(chunks), String(chunks.map(({ length }) => length))).toEqual(whole);
  }
});

test("mixed line ends give the same events in any chunks", () => {
  const bytes = Buffer.from("data: a\r\n\ndata: b\n\r\n\r\n\ndata: c\r\ndata: d\n\n");
  expect(parse([bytes]).events.map((event) => event.data)).toEqual(["a", "b", "c\nd"]);
  for (const chunks of splits(bytes)) expect(parse(chunks)).toEqual(parse([bytes]));
});

test("lines may end with CR alone, and an event is there with the CR that ends it", () => {
  expect(parse(["id: 1\revent: e\rdata: one\rdata: two\r\rdata: three\r\r"]).events).toEqual([
    { event: "e", data: "one\ntwo", id: "1" },
    { event: "message", data: "three", id: "1" },
  ]);
  const bytes = Buffer.from("data: a\r\rdata: b\r\n\rdata: c\n\r\ndata: d\rdata\n\r\r\n: x\r");
  expect(parse([bytes]).events.map((event) => event.data)).toEqual(["a", "b", "c", "d\n"]);
  for (const chunks of splits(bytes)) expect(parse(chunks)).toEqual(parse([bytes]));
  expect(() => parse([`data: ${"x".repeat(45)}\r`], 50)).toThrow("longer than 50 bytes");
});

test("a byte order mark begins a stream and is no part of it; elsewhere it is", () => {
  const bytes = Buffer.from("\ufeffdata: a\n\ndata: \ufeffb\n\n\ufeffdata: c\n\n");
  expect(parse([bytes]).events.map((event) => event.data)).toEqual(["a", "\ufeffb"]);
  for (const chunks of splits(bytes)) expect(parse(chunks)).toEqual(parse([bytes]));
});

test("what the host encodes, it parses", () => {
  const json = JSON.stringify({ text: "line\nbreak\r\n: colon", emoji: "👍" });
  expect(parse([encodeEvent(json)]).events).toEqual([{ event: "message", data: json, id: undefined }]);
});

test("one line may be as long as the limit and not a byte longer", () => {
  const line = (size: number): string => `data: ${"x".repeat(size - 6)}\n\n`;
  for (const size of [49, 50]) expect(parse([line(size)], 50).events).toHaveLength(1);
  expect(() => parse([line(51)], 50)).toThrow("longer than 50 bytes");
  expect(() => parse(["data: ", ..."x".repeat(45)], 50)).toThrow("longer than 50 bytes");
});

test("all lines of one event together may be as long as the limit, and the next event starts anew", () => {
  // Each line counts with the line break that joins it.
  const event = (last: number): string => `data: ${"x".repeat(29)}\ndata: ${"x".repeat(last)}\n\n`;
  for (const last of [18, 19]) expect(parse([event(last), event(last)], 50).events).toHaveLength(2);
  expect(() => parse([event(20)], 50)).toThrow("longer than 50 bytes");
});
