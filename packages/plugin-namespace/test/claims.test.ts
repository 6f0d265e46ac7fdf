import { expect, test } from "vitest";
import { Claims } from "../dist/claims.js";

test("an upstream that comes to ever new names keeps the last of them, and what others came to stays", () => {
  const claims = new Claims(3);
  claims.claim("tool", "theirs", "other:x");
  claims.claim("tool", "both", "other:y");
  claims.claim("tool", "both", "churn:y");
  claims.claim("tool", "both", "other:y");
  for (let n = 0; n < 10; n++) claims.claim("tool", `n${n}`, `churn:n${n}`);
  expect(claims.contested("tool", "both"), "the other comes to it still").toBe(true);
  expect(claims.claim("tool", "theirs", "churn:x")).toBe("other:x");
  expect(claims.claim("tool", "n9", "third:z"), "a recent name").toBe("churn:n9");
  expect(claims.claim("tool", "n0", "third:z"), "a name long gone").toBeUndefined();
});

test("a name that the operator gave is never free", () => {
  const claims = new Claims(3);
  claims.reserve("tool", "given", "one:x");
  for (let n = 0; n < 10; n++) claims.claim("tool", `n${n}`, `one:n${n}`);
  expect(claims.claim("tool", "given", "one:x")).toBeUndefined();
  expect(claims.contested("tool", "given")).toBe(false);
  expect(claims.claim("tool", "given", "two:y")).toBe("one:x");
  expect(claims.contested("tool", "given")).toBe(true);
});
