import { expect, test } from "vitest";
import { briefText, redact, redactText, registerSecret, registerSecretShape } from "../dist/redact.js";

test.each([
  "authorization",
  "Authorization",
  "Proxy-Authorization",
  "cookie",
  "Set-Cookie",
  "x-api-key",
  "API_KEY",
  "apiKey",
  "access_token",
  "clientSecret",
  "PASSWORD",
  "passwd",
  "privateKey",
  "credentials",
])("the value of a field named %s is redacted", (key) => {
  expect(redact({ [key]: "value", deep: [{ [key]: { any: 1 } }] })).toEqual({ [key]: "[redacted]", deep: [{ [key]: "[redacted]" }] });
});

test("fields that only sound like a secret are kept", () => {
  const harmless = { progressToken: 7, maxTokens: 100, tokens: 3, tokenCount: 4, hasToken: true, key: "x", author: "y" };
  expect(redact(harmless)).toEqual(harmless);
});

test.each([
  ["a JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"],
  ["an AWS key id", `AKIA${"ABCDEFGH12345678"}`],
  ["a GitHub token", `ghp_${"a1B2c3D4e5F6g7H8i9J0k1L2"}`],
  ["a GitHub fine-grained token", `github_pat_${"A1b2C3d4E5f6G7h8I9j0k"}`],
  ["an API key", `sk-ant-${"api03-abcdefghijklmnopqrst"}`],
  ["a Slack token", `xoxb-${"1234567890-abcdef"}`],
  ["a bearer header", "Bearer abcdefgh12345678"],
])("%s is redacted by its shape, wherever it stands", (_what, secret) => {
  expect(redactText(`before ${secret} after`)).toBe("before [redacted] after");
  expect(JSON.stringify(redact({ deep: [{ text: `x=${secret}` }] }))).not.toContain(secret.slice(-8));
});

test("a private key is redacted with all its lines, and to the end of the text if it was cut off", () => {
  const [begin, end] = ["-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"];
  expect(redactText(`a ${begin}\nabc\ndef\n${end} b`)).toBe("a [redacted] b");
  expect(redactText(`a ${begin}\nabc\ndef`)).toBe("a [redacted]");
});

test("a registered secret is redacted as it is, URL-encoded and in base64", () => {
  const secret = "p@ss/w0rd+with (specials).*$";
  registerSecret(secret);
  for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")])
    expect(redactText(`<${form}>`).replace(/=*>$/, ">")).toBe("<[redacted]>");
  expect(redact({ text: [`url?x=${encodeURIComponent(secret)}&y`] })).toEqual({ text: ["url?x=[redacted]&y"] });
});

test("of two registered secrets the longer is redacted whole", () => {
  registerSecret("canary-one");
  registerSecret("canary-one-and-two");
  expect(redactText("canary-one-and-two, canary-one")).toBe("[redacted], [redacted]");
});

test("a secret shorter than six characters is not redacted by value, since it would hit harmless text", () => {
  registerSecret("abcde");
  registerSecret("qwerty");
  expect(redactText("abcde qwerty")).toBe("abcde [redacted]");
});

test("a secret is forgotten when everybody who registered it says so", () => {
  const [one, two] = [registerSecret("passing-canary"), registerSecret("passing-canary")];
  one();
  one();
  expect(redactText("passing-canary")).toBe("[redacted]");
  two();
  expect(redactText("passing-canary")).toBe("passing-canary");
  registerSecret("tiny")();
});

test("a secret that is no well-formed text can be registered", () => {
  registerSecret("broken \ud800 secret");
  expect(redactText("<broken \ud800 secret>")).toBe("<[redacted]>");
});

test("plain values pass, and depth is bounded, so that a circle ends", () => {
  expect([redact(1), redact(null), redact(undefined), redact(true)]).toEqual([1, null, undefined, true]);
  const circle: { self?: unknown } = {};
  circle.self = circle;
  expect(JSON.stringify(redact(circle))).toContain('"[...]"');
});

test("a field named __proto__ changes no prototype", () => {
  const clean = redact(JSON.parse('{"__proto__":{"polluted":1}}')) as { polluted?: unknown };
  expect(clean.polluted).toBeUndefined();
});

test("a form of secrets that a plugin makes known is redacted, also where a text is cut in it", () => {
  const key = `acme_${"k".repeat(30)}`;
  expect(redactText(key)).toBe(key);
  registerSecretShape("acme_", /\bacme_\w{20,}/g);
  registerSecretShape("acme_", /\bacme_\w{20,}/g);
  expect(redactText(`with ${key}!`)).toBe("with [redacted]!");
  expect(briefText(`${"x ".repeat(2_040)}${key}`)).not.toContain("acme_k");
  expect(() => registerSecretShape("a.", /a/g)).toThrow("starts with at least three of");
  expect(() => registerSecretShape("other_", /other_/)).toThrow('needs the flag "g"');
});
