import { describe, expect, test } from "vitest";
// What is inside is tested as it is built, like everything else.
import { BUILT_IN, replaceFound } from "../dist/detectors.js";
import { patternOf } from "../dist/patterns.js";

// Put together here, so that nobody takes the test for a leak.
const key = (...parts: string[]): string => parts.join("");
const pem = (kind: string, end = true): string =>
  `-----BEGIN ${kind}-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-x-\n${end ? `-----END ${kind}-----` : ""}`;
const jwt = key("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U");

/** What each detector finds: the text in « » and nothing else. */
const POSITIVE: Record<string, readonly string[]> = {
  email: ["«ada@example.org»", "to <«a.b+c@sub.example.co.uk»>, please", "«é@bücher.example».", "mailto:«x_1@host.io»"],
  iban: [
    "«DE89 3704 0044 0532 0130 00»",
    "IBAN «GB82WEST12345698765432» THEN MORE",
    "«FR14 2004 1010 0505 0001 3M02 606»",
    "«NO93 8601 1117 947», x",
    "(«DE89-3704-0044-0532-0130-00»)",
  ],
  card: [
    "«4111 1111 1111 1111» 12/28",
    "«5500005555555559»",
    "no. «378282246310005».",
    "1234 «4012-8888-8888-1881»",
    "«6011000990139424» 2024",
    "7 «4111111111111111»",
  ],
  phone: ["«+49 30 901820»", "call «(555) 123-4567»!", "«555-123-4567»", "«+1 (415) 555-2671» now", "«+442083661177»", "«555.123.4567»"],
  ipv4: ["«10.0.0.1»", "http://«192.168.1.254»:80/", "from «8.8.8.8».", "[«255.255.255.255»]"],
  ipv6: ["«2001:db8::1»", "«fe80::1»", "[«::1»]:80", "«2001:0db8:85a3:0000:0000:8a2e:0370:7334»", "«::ffff:10.0.0.1» x"],
  jwt: [`Bearer «${jwt}»`, `token="«${jwt}»"`],
  aws: [`«${key("AKIA", "IOSFODNN7EXAMPLE")}»`, `id=«${key("ASIA", "IOSFODNN7EXAMPLE")}»;`],
  github: [`«${key("ghp", "_", "a".repeat(36))}»`, `x «${key("github", "_pat_", "1A".repeat(20))}» y`],
  slack: [`«${key("xoxb", "-123456789012-abcdefABCDEF")}»`, `«${key("https://hooks.slack.com", "/services/T000/B000/XXXXXXXX")}»`],
  pem: [
    `key: «${pem("RSA PRIVATE KEY")}» end`,
    `«${pem("PRIVATE KEY", false)}»`,
    `«${pem("OPENSSH PRIVATE KEY")}»`,
    `«${pem("PGP PRIVATE KEY BLOCK")}»`,
  ],
};

const NEGATIVE: Record<string, readonly string[]> = {
  email: ["@ada", "ada@", "a@b", "user @ host.org", "@types/node@1.2.3", `${"x".repeat(70)}@example.org`],
  iban: ["DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "DE8937040044053201300012", "SHA256", "AB12"],
  card: [
    "4111 1111 1111 1112",
    "1234567890123",
    "3.141592653589793",
    "2024-01-02 03:04:05.123456",
    "6666666666666666",
    "41111111111111110000000000",
  ],
  phone: ["2024-01-02", "123-45-6789", "+1", "5551234567", "3.14159", "a+4930901820", "1-555-123-4567-89"],
  ipv4: ["256.1.1.1", "1.2.3", "1.2.3.4.5", "v1.2.3.4", "1.2.3.4-beta"],
  ipv6: ["12:30:45", "std::vector", "a::b", "00:1B:44:11:3A:B7", "::", "1:2:3:4:5:6:7:8:9", "x::1", "1::2::3"],
  jwt: ["eyJhbGciOiJIUzI1NiJ9", "eyJhbGci.short.x", "heyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0.x"],
  aws: ["AKIA1234", "XAKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLEX"],
  github: ["ghp_short", "ghx_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
  slack: ["xoxz-123456789012", "xoxb-short", "https://slack.com/services/T000/B000"],
  pem: ["-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "BEGIN PRIVATE KEY"],
};

const found = (name: string, text: string): string => replaceFound(text, BUILT_IN[name]!, () => "#");

describe.each(Object.keys(BUILT_IN))("%s", (name) => {
  test.each(POSITIVE[name]!)("is found in %j", (marked) => {
    expect(found(name, marked.replace(/[«»]/g, ""))).toBe(marked.replace(/«[^»]*»/gs, "#"));
  });

  test.each(NEGATIVE[name]!)("is not in %j", (text) => {
    expect(found(name, text)).toBe(text);
  });

  test("takes time linear in the text, whatever it is", () => {
    const seeds = [
      "a",
      "a@",
      "a.",
      "eyJ",
      "eyJaaaaaaaaa.",
      "1",
      "1 ",
      "4111 1111 ",
      "A1",
      "DE89 ",
      "1:",
      "::",
      "-----BEGIN ",
      "-----BEGIN PRIVATE KEY-----",
      "+1",
      "xoxb-",
      "ghp_",
      "10.",
      "(555) ",
      "-",
      " ",
    ];
    const spent = (size: number): number => {
      const texts = seeds.map((seed) => seed.repeat(Math.ceil(size / seed.length)));
      const before = process.cpuUsage();
      for (const text of texts) found(name, text);
      const { user } = process.cpuUsage(before);
      return user / 1_000;
    };
    spent(1_000);
    // Quadratic time would be some minutes for a text like these.
    expect(spent(200_000)).toBeLessThan(5_000);
  });
});

test("several finds in one text are all replaced, and what lies between stays", () => {
  expect(found("card", "a 4111111111111111, 5500005555555559; 4111111111111112 z")).toBe("a #, #; 4111111111111112 z");
});

test.each([
  ["card", "4 "],
  ["card", "4111 1111 1111 1112 "],
  ["card", "4111 1111 1111 1111 "],
  ["iban", "DE89 "],
  ["iban", "DE89 3704 0044 0532 0130 01 "],
])("%s gets through megabytes of %j in little time", (name, seed) => {
  const text = seed.repeat(3_800_000 / seed.length);
  const before = process.cpuUsage();
  found(name, text);
  // It is a fraction of a second; what is tried once for each character is some seconds.
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(1_500);
});

test("a card is found wherever it stands in a long run of digits", () => {
  for (let before = 0; before < 150; before++) {
    const text = `${"1 ".repeat(before)}4111111111111111${" 1".repeat(150 - before)}`;
    expect(found("card", text)).toBe(text.replace("4111111111111111", "#"));
  }
});

describe("an operator's pattern", () => {
  test.each([
    ["\\bEMP\\d+\\b"],
    ["[\\w.]{1,64}@(?:example|test)\\.org"],
    ["[\\w.+\\-]{1,64}@[\\w\\-]{1,63}\\.com"],
    ["\\d[ \\-]?\\d{3}[ \\-]?\\d{3}"],
    ["(?<!\\d)\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}(?!\\d)"],
    ["(?:x|yz)?\\d{1,9}-\\d+"],
    ["xa+b|yc+d|ze+f"],
    ["(?<!\\w)[a-z\\]]{1,30}?:"],
    ["(?<year>\\d{4})-\\d{2}"],
    ["[[a-z]--[aeiou]]{3,}"],
    ["\\u{1F600}\\p{L}+"],
    ["(?:abc)+"],
    ["(?:a|b){3}"],
    ["\\(\\d+\\)x"],
    ["Bearer +[\\w.]{20,}"],
    ["(?:[ \\-]?\\d){6}"],
    ["a{1,20}-\\d+x"],
  ])("%s is taken", (text) => expect(patternOf(text)).toBeInstanceOf(RegExp));

  test.each([
    ["(a+)+", "may take very long: something without an upper bound is repeated"],
    ["((a+))*b", "something without an upper bound is repeated"],
    ["(?:a+){10}b", "something without an upper bound is repeated"],
    ["(?:\\w+\\s?){1,10}:", "something follows a repetition without an upper bound"],
    ["\\d+x", "something follows a repetition without an upper bound; give it one, such as {1,64}"],
    ["\\w+-\\d+", "something follows a repetition without an upper bound"],
    ["(?:a|aa)*b", "something follows a repetition without an upper bound"],
    ["(?:abc)+x", "something follows a repetition without an upper bound"],
    ["(?:b\\d+|c)x", "something follows a repetition without an upper bound"],
    ["1\\d+x", "something follows a repetition without an upper bound"],
    [".\\d+x", "something follows a repetition without an upper bound"],
    ["\\x41[A]+x", "something follows a repetition without an upper bound"],
    ["\\cJ[\\n]+x", "something follows a repetition without an upper bound"],
    ["(?<=-\\w+)b", "it looks around without an upper bound"],
    ["a(?=-\\w+)b", "it looks around without an upper bound"],
    ["(a)\\1", "may take very long: it refers back to a group"],
    ["(?<x>a)\\k<x>", "may take very long: it refers back to a group"],
    ["(?:a{1000}){1000}", "may take very long: it can take more than 500 steps at each place of a text"],
    ["a{5001,}", "more than 500 steps"],
    ["(?:[ab]|c{600}){10}", "more than 500 steps"],
    ["(?:a?){20}b", "more than 500 steps"],
    ["((a?){10}){10}b", "more than 500 steps"],
    ["(?:[a-z0-9]{1,9}[.\\-]?){2,8}@", "more than 500 steps"],
    ["(?:a|a){1,9}b", "more than 500 steps"],
    ["a{1,50}a{1,50}a{1,50}b", "more than 500 steps"],
    [`${"a?".repeat(17)}b`, "more than 500 steps"],
    ["a{1,100}-\\d+x{1,9}", "more than 500 steps"],
    ["(?<!a{1,30})b", "more than 500 steps"],
    ["[\\q{a|aa}]+b", "it has strings in a character class"],
    ["\\p{RGI_Emoji}+b", "it has strings in a character class"],
    ["(?:[a-z0-9]+[.-]?){2,8}@", "is no regular expression with the flag v"],
    ["[[](a+)+b", "is no regular expression with the flag v"],
    ["a*", "matches the empty text"],
    ["[a", "is no regular expression"],
    ["a".repeat(501), "is longer than 500 characters"],
  ])("%s is refused", (text, message) => expect(patternOf(text)).toContain(message));
});
