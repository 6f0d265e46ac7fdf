import { expect, test } from "vitest";
import { templateMatcher } from "../dist/pipeline/uri-template.js";
import { random } from "./chunks.ts";

test.each([
  ["test://a/{id}", "test://a/7", true],
  ["test://a/{id}", "test://a/", true],
  ["test://a/{id}", "test://b/7", false],
  ["test://a/{id}/end", "test://a/7/end", true],
  ["test://a/{id}/end", "test://a/7/en", false],
  ["test://a/{id}/end", "test://a/end", false],
  ["test://a/{+path}", "test://a/b/c/d", true],
  ["test://{a}/{b}", "test://x/y", true],
  ["test://{a}/{b}", "test://x", false],
  ["test://{a}-{b}-{c}.txt", "test://1-2-3.txt", true],
  ["test://{a}-{b}-{c}.txt", "test://1-2.txt", false],
  ["{scheme}://x", "http://x", true],
  ["{any}", "", true],
  ["test://plain", "test://plain", true],
  ["test://plain", "test://plain/", false],
  ["test://a{?q,r}", "test://a?q=1&r=2", true],
  ["aba{x}aba", "aba", false],
  ["aba{x}aba", "abaaba", true],
  ["test://{id", "test://{id", true],
  ["test://{id", "test://7", false],
  ["test://a.b/{x}", "test://aXb/1", false],
])("%s matches %s: %s", (template, uri, expected) => {
  expect(templateMatcher(template)(uri)).toBe(expected);
});

test("a template agrees with the plain regular expression for it, on random templates", () => {
  const next = random(7);
  const pick = (parts: readonly string[]): string => parts[Math.floor(next() * parts.length)] ?? "";
  const text = (parts: readonly string[], length: number): string => Array.from({ length }, () => pick(parts)).join("");
  let matches = 0;
  for (let time = 0; time < 5_000; time++) {
    const template = text(["a", "b", "/", "{x}"], 1 + Math.floor(next() * 6));
    const uri = text(["a", "b", "/"], Math.floor(next() * 8));
    const expected = new RegExp(`^${template.replaceAll("{x}", "[^]*")}$`).test(uri);
    if (expected) matches++;
    expect(templateMatcher(template)(uri), `${template} on ${uri}`).toBe(expected);
  }
  expect(matches).toBeGreaterThan(200);
});

test("a hostile template cannot stall the host (CVE-2026-0621)", () => {
  const start = performance.now();
  expect(templateMatcher(`${"a{x}".repeat(2_000)}b`)("a".repeat(100_000))).toBe(false);
  expect(templateMatcher(`${"{x}a".repeat(2_000)}c{y}`)("a".repeat(100_000))).toBe(false);
  expect(performance.now() - start).toBeLessThan(500);
});
