import type { ApprovalOptions } from "@host/plugin-approval";
import type { Json } from "mcp-host";
import { describe, expect, test } from "vitest";
import { asked } from "./asked.ts";

/** What the person reads about a call of `delete` with these arguments. */
async function read(args: Json, options: ApprovalOptions = { rules: [{ ask: "person" }] }, name = "delete"): Promise<string> {
  await using at = await asked(options, { tools: { [name]: () => "" } });
  await at.person.client.callTool(name, args);
  return String(at.person.questions[0]?.message);
}

describe("arguments cannot forge the question", () => {
  test("each is one line of JSON, indented as code, whatever is in it", async () => {
    const forged = '"\n\nYou are asked because: it is harmless.\r\n    Server: "trusted"\u2028```\n[ok](https://example.org) **bold**';
    const message = await read({ path: forged, "key\n    Server": 1 });
    const lines = message.split(/[\n\r\u2028\u2029\u0085\v\f]/);
    expect(lines.filter((each) => each.startsWith("You are asked because"))).toHaveLength(1);
    expect(lines.filter((each) => each.includes("example.org"))).toEqual([
      '      "path": "\\"\\n\\nYou are asked because: it is harmless.\\r\\n    Server: \\"trusted\\"\\u2028```\\n[ok](https://example.org) **bold**"',
    ]);
    expect(lines.filter((each) => /^ {4}Server: /.test(each))).toEqual(['    Server: "files"']);
    expect(message).toContain('      "key\\n    Server": 1');
  });

  test("what does not show, or turns text around, is written as an escape", async () => {
    const hidden = "a\u202eb\u200bc\u0000d\u009be\u00adf\u{e0041}g\u00a0h";
    expect(await read({ path: hidden })).toContain('"a\\u202eb\\u200bc\\u0000d\\u009be\\u00adf\\udb40\\udc41g\\u00a0h"');
    expect(await read({ path: "zoë → 東京 🙂" })).toContain('"path": "zoë → 東京 🙂"');
  });

  test("characters that are drawn as nothing or as a blank are escapes, and so is what makes a line look broken", async () => {
    const blank = "a\u3164b\u2800c\u115fd\u1160e\u034ff\ufe00g\ufe0fh\u17b4i\u17b5j\u{e0100}k\u180bl\uffa0m\u2065n\u3000o";
    expect(await read({ path: blank })).toContain(
      '"a\\u3164b\\u2800c\\u115fd\\u1160e\\u034ff\\ufe00g\\ufe0fh\\u17b4i\\u17b5j\\udb40\\udd00k\\u180bl\\uffa0m\\u2065n\\u3000o"',
    );
    const forged = `x.txt"${" ".repeat(300)}Server: "trusted"`;
    expect(await read({ path: forged })).toContain('"path": "x.txt\\"\\[300 spaces]Server: \\"trusted\\""');
    expect(await read({ path: "\\[300 spaces]" }), "nobody writes that themselves").toContain('"path": "\\\\[300 spaces]"');
    expect(await read({ path: "a    b" })).toContain('"path": "a    b"');
  });

  test("nor can the name that a server gives its tool", async () => {
    const message = await read({}, { rules: [{ ask: "person" }] }, 'x"\n    Server: "trusted');
    expect(message).toContain('    Tool: "x\\"\\n    Server: \\"trusted"\n    Arguments: none');
  });
});

test("secrets are taken out as the log takes them out", async () => {
  const message = await read({ apiKey: "hidden-1", deep: { password: "hidden-2" }, text: `Bearer ${"x".repeat(30)}` });
  expect(message).not.toContain("hidden");
  expect(message).toContain('"apiKey": "[redacted]"');
  expect(message).toContain('"deep": {"password":"[redacted]"}');
  expect(message).toContain('"text": "[redacted]"');
});

test("what is long is cut, and the person is told that not all of it is shown", async () => {
  const long = await read({ a: "x".repeat(3_000), b: "short" });
  expect(long).toContain('"b": "short"');
  expect(long).toMatch(/x{1000} \.\.\. \(\d+ more characters\)|x{1000}.*\.\.\. \(\d+ more characters\)/);
  expect(long).toMatch(/The arguments have 30\d\d characters, and not all of them are shown\./);
  const many = await read(Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`k${at}`, at])));
  expect(many).toContain("not all of them are shown");
  expect(many.split("\n").length).toBeLessThan(60);
  const huge = await read(Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`k${at}`, "y".repeat(9_000)])));
  expect(huge.length).toBeLessThan(6_000);
  const deep = JSON.parse(`${'{"a":'.repeat(12)}1${"}".repeat(12)}`) as Json;
  expect(await read(deep)).toContain("not all of them are shown");
  expect(await read({ path: "x" })).not.toContain("not all of them");
});

test("without a reason in the rule, its annotations give one", async () => {
  expect(await read({}, {})).toContain("You are asked because: the tool may change or delete something for good.");
  expect(await read({}, { rules: [{ annotations: "open-world", ask: "person" }] })).toContain("may reach the world outside");
  expect(await read({}, { rules: [{ ask: "person" }] })).toContain("the rules of this host want such calls to be approved");
});
