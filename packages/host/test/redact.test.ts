import { describe, expect, test } from "vitest";
import {
  briefText,
  hasSecretShape,
  redact,
  redactLine,
  redactMessage,
  redactTail,
  redactText,
  registerSecret,
  registerSecretShape,
} from "../dist/redact.js";

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

test("the password in an address is redacted, wherever it stands", () => {
  expect(redactText("tried postgresql://u:pw12345678@localhost/db, then redis://:secret@cache:6379")).toBe(
    "tried postgresql://u:[redacted]@localhost/db, then redis://:[redacted]@cache:6379",
  );
  expect(redactText("https://user@example.com:8443/a:b@c")).toBe("https://user@example.com:8443/a:b@c");
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

test("secrets that overlap are one, those beside each other two", () => {
  const forgets = ["abcdef-one", "one-ghijkl", "mnopqrst"].map(registerSecret);
  expect(redactText("<abcdef-one-ghijkl><abcdef-onemnopqrst>")).toBe("<[redacted]><[redacted][redacted]>");
  for (const forget of forgets) forget();
  expect(redactText("<abcdef-one-ghijkl>")).toBe("<abcdef-one-ghijkl>");
});

test("each of a thousand secrets that begin or end alike is found", () => {
  const secrets = Array.from({ length: 1_000 }, (_, index) => `eyJhbGci${index}-tail`);
  const forgets = secrets.map(registerSecret);
  for (const secret of secrets) expect(redactText(`x${secret}y`)).toBe("x[redacted]y");
  for (const forget of forgets) forget();
});

test("a JWT is one wherever its run begins, and what only looks like its beginning stays", () => {
  const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N";
  expect(redactText(`token-${jwt}, x.${jwt}`)).toBe("token-[redacted], x.[redacted]");
  for (const text of ["eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi", "eyJhbGciOiJIUzI1NiJ9.short.x", "eyJ.a.b"]) {
    expect(redactText(text)).toBe(text);
    expect(hasSecretShape(text)).toBe(false);
  }
  expect(hasSecretShape(`a ${jwt}`)).toBe(true);
});

// As plugin-auth makes it known.
registerSecretShape("mcph_", /\bmcph_[\w.-]{44,}[\w-]/g);

/** What of each kind of secret tells nothing, and the secret. */
const KINDS: readonly (readonly [harmless: string, secret: string])[] = [
  ["", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"],
  ["", `AKIA${"ABCDEFGH12345678"}`],
  ["", `ghp_${"a1B2c3D4e5F6g7H8i9J0k1L2"}`],
  ["github_pat_", "A1b2C3d4E5f6G7h8I9j0k"],
  ["", `sk-ant-${"api03-abcdefghijklmnopqrst"}`],
  ["", `mcph_alice_${"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"}`],
  ["", `xoxb-${"1234567890-abcdef"}`],
  ["Bearer ", "abcdefgh12345678"],
  ["-----BEGIN RSA PRIVATE KEY-----\n", "MIIEpAIBAAKCAQEA\nabcdefghijklm\n-----END"],
  ["known", "a canary with spaces in it"],
  ["known", "canary/with%signs?and=more"],
];

test.each(KINDS)("wherever a text is cut, no half of %j%j is told", (kind, secret) => {
  const forget = kind === "known" ? registerSecret(secret) : () => {};
  const [before, after] = kind === "known" ? ["", ""] : [kind, secret.endsWith("END") ? " RSA PRIVATE KEY-----" : ""];
  const whole = `${before}${secret}${after}`;
  const expectNothing = (told: string): void => {
    for (let at = 0; at + 6 <= secret.length; at++) expect(told).not.toContain(secret.slice(at, at + 6));
  };
  for (let kept = 0; kept <= whole.length + 10; kept++) {
    const told = briefText(`${"x".repeat(149 - kept)} ${whole} and what follows`, 150);
    expect(told).toMatch(/^x+.*... \(\d+ characters\)$/s);
    expectNothing(told);
  }
  for (let left = 0; left <= whole.length; left++) {
    const told = redactTail(`${whole.slice(whole.length - left)} and what follows, word by word`);
    expect(told).toContain("follows, word by word");
    expectNothing(told);
  }
  forget();
});

test("a text that is cut says how long it was; one that is not stays whole", () => {
  expect(briefText("plain words of a text", 11)).toMatch(/^plain .*\.\.\. \(21 characters\)$/);
  expect(briefText("plain")).toBe("plain");
  expect(briefText(`https://example.test/${"a/".repeat(5_000)}`).slice(0, 30)).toBe("https://example.test/a/a/a/a/a");
  expect(briefText("abc", 0)).toBe("... (3 characters)");
});

test("a log line holds so much text together, so many items, and no longer key", () => {
  const long = "word ".repeat(10_000);
  const line = redactLine({ password: long, one: long, deep: { [long]: 1 }, list: Array.from({ length: 100 }, () => long) });
  expect(JSON.stringify(line).length).toBeLessThan(20_000);
  expect(line.one).toMatch(/\(50000 characters\)$/);
  expect(line.password).toBe("[redacted]");
  expect(JSON.stringify(redactLine({ numbers: Array.from({ length: 100_000 }, (_, index) => index) })).length).toBeLessThan(20_000);
});

test("a secret with quotes, backslashes or line breaks is found in texts that are JSON, and in JSON in JSON", () => {
  const secret = 'a "quoted" \\ secret\nof two lines';
  const forget = registerSecret(secret);
  const once = JSON.stringify({ env: secret });
  for (const text of [once, JSON.stringify({ text: once })]) {
    expect(redactText(text)).not.toMatch(/quoted|two lines/);
    expect(redactText(text)).toContain("[redacted]");
  }
  forget();
  expect(redactText(once)).toBe(once);
});

describe("a whole message", () => {
  const GITHUB = `ghp_${"a".repeat(36)}`;

  test("has no secrets, however deep and long, and is the same object where it held none", () => {
    const plain = { deep: [{ list: [1, null, true, "text"] }], tokens: 5 };
    const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => [inner], `x${" ".repeat(20_000)}${GITHUB}`);
    const message = { plain, deep, password: { any: 1 }, nothing: { token: null, secret: true }, [GITHUB]: 1 };
    const clean = redactMessage(message) as typeof message;
    expect(clean.plain).toBe(plain);
    expect(clean.nothing).toBe(message.nothing);
    expect(clean.password).toBe("[redacted]");
    expect(JSON.stringify(clean)).not.toContain("ghp_");
    expect(JSON.stringify(clean).length).toBeGreaterThan(20_000);
    expect(Object.keys(clean)).toContain("[redacted]");
    expect(redactMessage(plain)).toBe(plain);
    expect(redactMessage([GITHUB, 1])).toEqual(["[redacted]", 1]);
  });
});
