import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Entry, Exchange, Logger, Meter } from "mcp-host";
import { KeptTexts } from "mcp-host";
import { describe, expect, test } from "vitest";
import { Calls } from "../dist/calls.js";
import { BUILT_IN } from "../dist/detectors.js";
import { Engine } from "../dist/engine.js";
import { listed } from "../dist/listing.js";
import { options } from "../dist/options.js";
import { Reading } from "../dist/reading.js";
import { Records } from "../dist/records.js";
import { Rules } from "../dist/rules.js";
import { hosted, twice } from "./scripted.ts";

type Json = Record<string, unknown>;

const quiet = { info() {}, warn() {} } as unknown as Logger; // nothing else is called
const meter = { counter: () => ({ add() {} }) } as unknown as Meter; // likewise

/** What a rule makes of an output schema and of structured results, by the ways that lists and calls go. */
function ruled(rule: Json) {
  const rules = new Rules(options.parse({ rules: [{ match: ["*"], ...rule }], detectors: { ticket: "\\bT-\\d{6}\\b" } }));
  rules.seal(new Map([...Object.entries(BUILT_IN), ["ticket", { pattern: /\bT-\d{6}\b/gu }]]), () => {});
  const records = new Records(quiet, meter, false);
  const rests = new KeptTexts<string>({ size: 1, time: 1, now: () => 0, bytes: () => Buffer.alloc(16) });
  const reading = new Reading({ rests, records, argument: "_rest" });
  const engine = new Engine(rules.programs, { time: 100, depth: 10, size: 1_000 });
  const calls = new Calls({ rules, engine, records, reading, log: quiet, environment: {}, now: () => 0 });
  return {
    schema(outputSchema: Json): Json | undefined {
      const entry: Entry = { kind: "tool", upstream: "one", name: "t", native: "t", definition: { name: "t", outputSchema } };
      const plan = rules.decide(entry);
      return plan && (listed(entry, plan, { restArgument: "_rest" }).definition.outputSchema as Json | undefined);
    },
    result(structuredContent: Json): unknown {
      const exchange = {
        ...{ method: "tools/call", params: {}, id: "1", resultKind: "complete", client: { info: { name: "c" } }, principal: { id: "p" } },
        entry: { kind: "tool", upstream: "one", name: "t", native: "t", definition: {} },
      } as unknown as Exchange; // what rules look at
      return (calls.results({ content: [], structuredContent }, exchange) as Json).structuredContent; // no program makes it wait
    },
  };
}

/** Numbers that look random and are the same in every run. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  below(end: number): number {
    this.#state = (Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    const mixed = Math.imul(this.#state ^ (this.#state >>> 12), 0x297a2d39) >>> 0;
    return Math.floor((mixed / 2 ** 32) * end);
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T; // no list is empty
  }
  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

const KEYS = ["a", "b", "ssn", "at", "ann@example.org", "bob@example.org", "[redacted:email]", "T-123456", "aT-123456", ""];
const SCALARS = [
  ...["", "x", "card", "ann@example.org", "bob@example.org", "[redacted:email]", "T-123456", "a\u200bb", "ab", '{"ssn":"1"}'],
  ...[0, 3, 2.5, 4111111111111111, null, true, false],
];

function anyValue(random: Random, depth = 0): unknown {
  const kind = depth > 2 ? 0 : random.below(4);
  if (kind < 2) return random.of(SCALARS);
  if (kind === 2) return random.list(3, () => anyValue(random, depth + 1));
  return anyObject(random, depth);
}

function anyObject(random: Random, depth = 0): Json {
  return Object.fromEntries(random.list(4, () => [random.of(KEYS), anyValue(random, depth + 1)]));
}

const REFS = ["#", "#/$defs/A", "#/$defs/A", "#/$defs/B%20b", "#/properties/a", "#/oneOf/0", "#/not", "#/$defs/A/properties/b"];

/** One keyword with its value; each may be wrong for what the others say, so that nothing fits. */
const KEYWORDS: Record<string, (random: Random, sub: () => unknown) => Json> = {
  type: (random) => ({ type: random.of(["object", "object", "string", "number", "integer", "array", ["integer", "null"], "boolean"]) }),
  const: (random) => ({ const: random.of([...SCALARS, { a: "ann@example.org" }, { a: "card" }]) }),
  enum: (random) => ({ enum: [...new Set([random.of(SCALARS), random.of(SCALARS)])] }),
  text: (random) => random.of<Json>([{ minLength: 1 }, { maxLength: 3 }, { pattern: "@" }, { pattern: "^[a-z]*$" }]),
  numbers: (random) => random.of<Json>([{ minimum: 1 }, { maximum: 2 }, { multipleOf: 0.5 }, { exclusiveMaximum: 2 ** 52 }]),
  properties: (random, sub) => ({ properties: Object.fromEntries(random.list(4, () => [random.of(KEYS), sub()])) }),
  required: (random) => ({ required: [...new Set(random.list(2, () => random.of(KEYS)))] }),
  additional: (random, sub) => ({ additionalProperties: random.of([false, false, sub()]) }),
  patterns: (random, sub) => ({ patternProperties: { [random.of(["@", "^a", "redacted", "^$"])]: sub() } }),
  names: (random) => ({ propertyNames: random.of<Json>([{ maxLength: 8 }, { pattern: "@|a" }, { enum: KEYS.slice(0, 5) }]) }),
  counts: (random) => random.of<Json>([{ minProperties: 2 }, { maxProperties: 2 }, { minItems: 1 }, { maxItems: 2 }]),
  items: (_, sub) => ({ items: sub() }),
  prefix: (random, sub) => ({ prefixItems: [sub(), sub()], ...(random.below(2) === 0 && { items: sub() }) }),
  contains: (random, sub) => ({ contains: sub(), ...random.of<Json>([{}, { minContains: 2 }, { maxContains: 1 }, { minContains: 0 }]) }),
  unique: () => ({ uniqueItems: true }),
  unevaluated: (random, sub) => random.of<Json>([{ unevaluatedProperties: random.of([false, sub()]) }, { unevaluatedItems: false }]),
  not: (_, sub) => ({ not: sub() }),
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  condition: (random, sub) => ({ if: sub(), then: sub(), ...(random.below(2) === 0 && { else: sub() }) }),
  all: (_, sub) => ({ allOf: [sub(), sub()] }),
  any: (_, sub) => ({ anyOf: [sub(), sub()] }),
  one: (_, sub) => ({ oneOf: [sub(), sub()] }),
  dependent: (random, sub) =>
    random.of<Json>([{ dependentRequired: { [random.of(KEYS)]: [random.of(KEYS)] } }, { dependentSchemas: { [random.of(KEYS)]: sub() } }]),
  ref: (random) => ({ $ref: random.of(REFS) }),
  notes: (random) => random.of<Json>([{ title: "T" }, { default: "ann@example.org" }, { examples: [{ $ref: "#/nowhere" }] }]),
};

function anySchema(random: Random, depth = 0): unknown {
  if (random.below(12) === 0) return random.below(4) > 0;
  const names = Object.keys(KEYWORDS);
  const leaf = names.slice(0, 5);
  const sub = (): unknown => anySchema(random, depth + 1);
  return Object.assign({}, ...random.list(3, () => KEYWORDS[random.of(depth > 2 ? leaf : names)]?.(random, sub)));
}

function anyOutputSchema(random: Random): Json {
  const sub = (): unknown => anySchema(random, 1);
  const more = random.list(4, () => KEYWORDS[random.of(Object.keys(KEYWORDS).slice(5))]?.(random, sub));
  return { $defs: { A: sub(), "B b": sub() }, ...KEYWORDS.properties?.(random, sub), ...Object.assign({}, ...more), type: "object" };
}

/** A value that is likely to fit. */
function likely(schema: unknown, root: Json, random: Random, depth = 0): unknown {
  if (typeof schema !== "object" || schema === null || depth > 6 || random.below(6) === 0) return anyValue(random, depth);
  const { $ref, const: one, enum: some, properties = {}, required = [], items, prefixItems = [], contains } = schema as Json;
  const other = ["oneOf", "anyOf", "allOf"].find((key) => key in schema && random.below(2) === 0);
  if (other) return likely(random.of((schema as Record<string, unknown[]>)[other] ?? []), root, random, depth + 1);
  if (one !== undefined) return one;
  if (Array.isArray(some)) return random.of(some as unknown[]);
  if ($ref === "#/$defs/A" && random.below(2) === 0) return likely((root.$defs as Json).A, root, random, depth + 1);
  const type = [(schema as Json).type ?? (prefixItems === items && contains === undefined ? "object" : "array")].flat()[0];
  if (type === "object" || "properties" in schema) {
    const names = [...(required as string[]), ...Object.keys(properties as Json).filter(() => random.below(3) > 0)];
    const object = Object.fromEntries(names.map((name) => [name, likely((properties as Json)[name], root, random, depth + 1)]));
    return random.below(3) === 0 ? { ...anyObject(random, depth + 1), ...object } : object;
  }
  if (type === "array") {
    const head = (prefixItems as unknown[]).map((each) => likely(each, root, random, depth + 1));
    return [...head, ...random.list(2, () => likely(random.below(2) === 0 ? (contains ?? items) : items, root, random, depth + 1))];
  }
  return random.of(SCALARS);
}

const ajv = new Ajv2020({ strict: false, validateFormats: false });
const compiled = (schema: Json): ValidateFunction => ajv.compile(schema);

/** Whether a value fits; undefined for a schema that refers to itself without end. */
function fits(validate: ValidateFunction, value: unknown): boolean | undefined {
  try {
    return validate(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const RULES: readonly [string, Json][] = [
  ["redact", { redact: { detectors: ["email", "card", "ticket"], fields: ["ssn"] } }],
  ["redact with words of its own", { redact: { detectors: ["email", "ticket"], fields: ["B"], replacement: "a" } }],
  ["redact without any words", { redact: { detectors: ["ticket"], replacement: "" } }],
  ["redact fields alone", { redact: { detectors: [], fields: ["a", "ssn"] } }],
  ["strip", { strip: true }],
  ["enrich", { enrich: { result: { at: "time.seconds", a: "principal.id", b: "client.version" } } }],
  ["pick", { result: { pick: ["a.b", "ssn", "b"] } }],
  ["all of them", { strip: true, redact: true, enrich: { result: { at: "time" } }, result: { pick: ["a", "b.a", "at"] } }],
];

/** Schemas with values that fit them. */
function corpus(): { seed: number; schema: Json; values: Json[] }[] {
  const found: { seed: number; schema: Json; values: Json[] }[] = [];
  for (let seed = 1; found.length < 400; seed++) {
    const random = new Random(seed * 104_729);
    const schema = anyOutputSchema(random);
    let validate: ValidateFunction;
    try {
      validate = compiled(schema);
    } catch {
      continue; // a reference to nowhere
    }
    const values = Array.from({ length: 16 }, () => likely(schema, schema, random)).filter(
      (value) => fits(validate, value) === true,
    ) as Json[]; // all are objects
    if (values.length > 0) found.push({ seed, schema, values });
  }
  return found;
}

describe("what fitted the upstream's schema fits the listed one", () => {
  const cases = corpus();

  test.each(RULES)("%s", (_, rule) => {
    const { schema: listedSchema, result } = ruled(rule);
    let judged = 0;
    let refused = 0;
    for (const { seed, schema, values } of cases) {
      const published = listedSchema(schema);
      if (!published) continue;
      expect(published.type).toBe("object");
      const validate = compiled(published);
      for (const value of values) {
        const altered = result(value);
        judged++;
        if (fits(validate, altered) === false)
          expect.fail(JSON.stringify({ errors: validate.errors, seed, schema, published, value, altered }, null, 1));
      }
      const random = new Random(seed);
      for (let tries = 0; tries < 5; tries++) if (fits(validate, anyObject(random)) === false) refused++;
    }
    // Otherwise this test would say nothing.
    expect(judged).toBeGreaterThan(1_500);
    expect(refused).toBeGreaterThan(100);
  });
});

const emails = { redact: { detectors: ["email"], fields: ["ssn"] } };
const kinds = [
  { properties: { kind: { const: "a" } }, required: ["kind"] },
  { properties: { kind: { const: "b" } }, required: ["kind"] },
];

test.each<[string, Json, Json, Json]>([
  ["oneOf with const", emails, { oneOf: kinds }, { kind: "a" }],
  ["oneOf of texts", emails, { oneOf: [{ properties: { a: { format: "email" } } }, { properties: { a: { const: 1 } } }] }, { a: "x" }],
  ["not with enum", emails, { properties: { a: { not: { enum: ["gone"] } } } }, { a: "ok" }],
  ["not with pattern", emails, { properties: { a: { not: { pattern: "^tmp-" } } } }, { a: "ok" }],
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  ["if with const", emails, { if: { properties: { a: { const: "paid" } } }, then: { required: ["b"] } }, { a: "free" }],
  ["maxContains", emails, { properties: { a: { contains: { const: "x" }, maxContains: 1 } } }, { a: ["x", "y"] }],
  ["maxContains of a text", emails, { properties: { a: { contains: { maxLength: 3 }, maxContains: 1 } } }, { a: ["x", "long"] }],
  ["uniqueItems", emails, { properties: { a: { uniqueItems: true } } }, { a: ["a@example.org", "b@example.org"] }],
  ["patternProperties", emails, { patternProperties: { "@": { type: "string" } }, additionalProperties: false }, { "a@example.org": "hi" }],
  [
    "a closed object",
    emails,
    { properties: { "a@example.org": {} }, required: ["a@example.org"], additionalProperties: false },
    { "a@example.org": 1 },
  ],
  [
    "unevaluatedProperties",
    emails,
    { not: { properties: { a: false } }, anyOf: [{ properties: { a: { const: 1 } } }], unevaluatedProperties: false },
    { a: 1 },
  ],
  ["additional fields", emails, { additionalProperties: { type: "array" } }, { ssn: [1] }],
  ["an enum of what is taken out", emails, { properties: { a: { enum: ["a@example.org"] } } }, { a: "a@example.org" }],
  ["an enum of escapes", { strip: true }, { properties: { a: { const: "\u001b[1mx", minLength: 5 } } }, { a: "\u001b[1mx" }],
  ["unique texts", { strip: true }, { properties: { a: { uniqueItems: true } } }, { a: ["x", "x\u200b"] }],
  [
    "a closed object of two",
    { enrich: { result: { at: "time" } } },
    { maxProperties: 1, additionalProperties: false, properties: { a: {} } },
    { a: 1 },
  ],
  [
    "closed objects beside",
    { enrich: { result: { at: "time" } } },
    { allOf: [{ properties: { a: {} }, additionalProperties: false }] },
    { a: 1 },
  ],
  ["what must not be", { enrich: { result: { at: "time" } } }, { not: { required: ["at"] }, propertyNames: { const: "a" } }, { a: 1 }],
  ["what depends on it", { enrich: { result: { at: "time" } } }, { dependentRequired: { at: ["b"] } }, {}],
  [
    "additional fields of others",
    { result: { pick: ["a.b"] } },
    { properties: { a: { additionalProperties: { required: ["c"] } } } },
    { a: { b: { c: 1 } } },
  ],
  [
    "fields by pattern",
    { result: { pick: ["a"] } },
    { patternProperties: { a: {} }, additionalProperties: false, properties: {} },
    { a: 1 },
  ],
  [
    "the root within",
    { result: { pick: ["a"] } },
    { properties: { a: { $ref: "#" }, b: {} }, additionalProperties: false },
    { a: { b: 1 } },
  ],
  ["first items", { result: { pick: ["a.b"] } }, { properties: { a: { prefixItems: [{}], items: false } } }, { a: [{ b: 1 }] }],
])("%s: a result that fits goes on to fit", (_, rule, schema, value) => {
  const whole = { type: "object", ...schema };
  expect(compiled(whole)(value)).toBe(true);
  const { schema: listedSchema, result } = ruled(rule);
  const published = listedSchema(whole);
  expect(published).toBeDefined();
  const validate = compiled(published ?? {});
  validate(result(value));
  expect(validate.errors).toBeNull();
});

describe("a listed schema", () => {
  const redact = ruled({ redact: { detectors: ["email", "card"], fields: ["ssn"] } });

  test("tells alternatives apart that nothing was taken out of", () => {
    const kind = (name: string): Json => ({
      type: "object",
      properties: { kind: { type: "string", const: name }, owner: { type: "string", format: "email" } },
      required: ["kind"],
      additionalProperties: false,
    });
    const loose = (name: string): Json => ({
      ...kind(name),
      properties: { kind: { type: "string", const: name }, owner: { type: "string" } },
    });
    expect(redact.schema({ type: "object", properties: { item: { oneOf: [kind("card"), kind("bank")] } } })).toEqual({
      type: "object",
      properties: { item: { allOf: [{ anyOf: [loose("card"), loose("bank")] }] } },
    });
  });

  test("keeps references, and leads those to other places to definitions", () => {
    expect(
      redact.schema({
        type: "object",
        properties: { a: { $ref: "#/definitions/Node" }, b: { type: "object", properties: { c: { $ref: "#/properties/b" } } } },
        definitions: { Node: { type: "object", properties: { ssn: { minLength: 9 }, next: { $ref: "#/definitions/Node" } } }, Unused: {} },
      }),
    ).toEqual({
      type: "object",
      properties: { a: { $ref: "#/$defs/Node" }, b: { type: "object", properties: { c: { $ref: "#/$defs/b" } } } },
      $defs: {
        Node: { type: "object", properties: { ssn: {}, next: { $ref: "#/$defs/Node" } } },
        b: { type: "object", properties: { c: { $ref: "#/$defs/b" } } },
      },
    });
  });

  let deep: Json = {};
  for (let level = 0; level < 100; level++) deep = { items: deep };
  const many = Object.fromEntries(Array.from({ length: 30_000 }, (_, at) => [at, {}]));
  test.each<[string, Json]>([
    ["refers to another document", { properties: { a: { $ref: "https://example.org/a" } } }],
    ["refers to nowhere", { properties: { a: { $ref: "#/$defs/a" } } }],
    ["refers to half a percent-encoding", { properties: { a: { $ref: "#/%" } } }],
    ["refers dynamically", { properties: { a: { $dynamicRef: "#a" } } }],
    ["has a part with a base of its own", { $defs: { a: { $id: "a" } }, properties: { a: { $ref: "#/$defs/a" } } }],
    ["is of an unknown version", { $schema: "http://json-schema.org/draft-04/schema#" }],
    ["is too deep", { properties: { deep } }],
    ["is too large", { properties: many }],
  ])("is none where the upstream's %s, and the upstream's own where nothing is altered", (_, schema) => {
    const whole = { type: "object", ...schema };
    expect(redact.schema(whole)).toBeUndefined();
    expect(ruled({ description: "d" }).schema(whole)).toBe(whole);
  });

  test("is not that of an expression's value, and the operator's where there is one", () => {
    const own = { type: "object", properties: { a: { const: "x" } }, required: ["a"] };
    expect(ruled({ result: { jsonata: "$" } }).schema(own)).toBeUndefined();
    expect(ruled({ result: { jsonata: "$", outputSchema: own }, redact: true }).schema({ type: "object" })).toEqual(own);
  });
});

test("a client that validates takes a discriminated union through redact, and one with fields taken out", async () => {
  const kind = (name: string): Json => ({
    type: "object",
    properties: { kind: { const: name }, ssn: { pattern: "^\\d+$" } },
    required: ["kind"],
  });
  const outputSchema = {
    ...{ type: "object", oneOf: [kind("ok"), kind("error")], not: { required: ["gone"] } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    ...{ if: { properties: { kind: { const: "paid" } } }, then: { required: ["amount"] } },
  };
  await using it = await hosted(
    { tools: [{ name: "t", outputSchema }], answer: () => twice({ kind: "ok", ssn: "219" }) },
    { rules: [{ match: ["t"], redact: { fields: ["ssn"] }, strip: true }] },
  );
  await it.client.listTools(); // it validates by what it was told
  expect((await it.client.callTool({ name: "t" })).structuredContent).toEqual({ kind: "ok", ssn: "[redacted:field]" });
});
