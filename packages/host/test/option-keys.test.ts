import { createHost, definePlugin } from "mcp-host";
import { expect, test } from "vitest";
import { z } from "zod";
import { keysAt } from "../dist/config/option-keys.js";

const rule = z.strictObject({ match: z.string(), set: z.record(z.string(), z.strictObject({ value: z.unknown() })).optional() });

test.each<[z.ZodType, PropertyKey[], string[]]>([
  [z.strictObject({ a: z.string(), b: z.string() }), [], ["a", "b"]],
  [z.strictObject({ a: rule }), ["a"], ["match", "set"]],
  [z.strictObject({ rules: z.array(rule).default([]) }), ["rules", 3], ["match", "set"]],
  [z.strictObject({ rules: z.array(rule) }), ["rules", 0, "set", "any"], ["value"]],
  [z.tuple([z.string(), rule]), [1], ["match", "set"]],
  [z.union([z.string(), rule, z.strictObject({ match: z.string(), other: z.string() })]), [], ["match", "set", "other"]],
  [rule.transform(({ match }) => match).optional(), [], ["match", "set"]],
  [z.strictObject({ a: z.string() }), ["a", "b"], []],
  [z.strictObject({ a: rule }), ["none"], []],
  [z.unknown(), [], []],
])("the keys of %# are found", (schema, path, keys) => {
  expect(keysAt(schema, path)).toEqual(keys);
});

test("a misspelt key deep in a plugin's options is told with what was probably meant", async () => {
  const plugin = definePlugin({ name: "rules", host: "^1.0.0", options: z.strictObject({ rules: z.array(rule) }), apply() {} });
  await using host = createHost({ plugins: [plugin({ rules: [{ match: "a", mach: "b" } as never] })] });
  await expect(host.prepare()).rejects.toThrow(
    'plugins[0].options.rules[0].mach: plugin "rules" has no such option (did you mean "match"?)',
  );
});
