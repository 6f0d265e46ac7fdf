import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { createLogger, escapedJson } from "../dist/log.js";

/** One of each: C0, DEL, C1, line separators, bidirectional controls, a tag. */
const UNSEEN = ["\u001b", "\u007f", "\u0085", "\u009b", "\u2028", "\u2029", "\u061c", "\u200e", "\u202e", "\u2066", "\u{e0041}"];
const WORD = `a${UNSEEN.join("b")}c`;

test("JSON has them escaped, and the same value", () => {
  const text = String(escapedJson({ [WORD]: [WORD, "\t\n"] }, undefined, 2));
  for (const character of UNSEEN) expect(text).not.toContain(character);
  expect(JSON.parse(text)).toEqual({ [WORD]: [WORD, "\t\n"] });
});

test.each(["pretty", "json"] as const)("a %s log steers no terminal and forges no line, whoever wrote message and fields", (format) => {
  let written = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written += chunk;
      done();
    },
  });
  createLogger({ format, stream }).warn(`${WORD}${format === "json" ? "\n" : ""}`, {
    field: `${WORD}\n`,
    deep: { list: [WORD] },
    nothing: () => {},
  });
  for (const character of UNSEEN) expect(written).not.toContain(character);
  expect(written.split("\n")).toHaveLength(2);
});
