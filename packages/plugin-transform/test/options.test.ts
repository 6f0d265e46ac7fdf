import { type TransformOptions, transform } from "@host/plugin-transform";
import { createHost } from "mcp-host";
import { expect, test } from "vitest";

/** What a host says of the options. */
async function problemsOf(options: unknown, way: "prepare" | "start" = "start"): Promise<string> {
  // A config file can say what the types forbid.
  const host = createHost({ mcpServers: { one: { url: "http://127.0.0.1:9/mcp" } }, plugins: [transform(options as TransformOptions)] });
  try {
    await host[way]();
    return "";
  } catch (error) {
    return error instanceof Error ? `${error.name} ${error.message}` : String(error);
  } finally {
    await host.close();
  }
}

const rule = (more: object) => ({ rules: [{ match: ["*"], ...more }] });

test.each([
  [{ rulez: [] }, 'plugins[0].options.rulez: plugin "transform" has no such option (did you mean "rules"?)'],
  [{ rules: [{}] }, "plugins[0].options.rules[0].match"],
  [rule({ kind: "server" }), "options.rules[0].kind: must be one or a list of tool, prompt, resource, template"],
  [rule({ rename: "a b" }), "options.rules[0].rename: must be 1 to 128"],
  [rule({ args: { pin: { a: 1 }, set: { a: 2 } } }), 'options.rules[0].args.pin: "a" is in set already'],
  [rule({ args: { drop: ["a"], rename: { a: "b" } } }), 'options.rules[0].args.rename.a: "a" is in drop'],
  [rule({ args: { rename: { a: "x", b: "x" } } }), 'options.rules[0].args.rename.b: "a" is renamed to "x" already'],
  [rule({ redact: ["emial"] }), 'options.rules[0].redact: there is no detector "emial"; there are pem, jwt'],
  [rule({ redact: "email" }), "options.rules[0].redact: must be true, a list of detectors"],
  [rule({ strip: { ansii: true } }), "options.rules[0].strip.ansii"],
  [rule({ result: { truncate: { max: 0 } } }), "options.rules[0].result.truncate.max"],
  [rule({ result: { jsonata: "a[" } }), "options.rules[0].result.jsonata: S0203 at character 2: Expected"],
  [rule({ validate: { result: { type: "nonsense" } } }), "options.rules[0].validate.result: schema is invalid"],
  [
    rule({ enrich: { arguments: { a: "environment.HOME" } } }),
    'options.rules[0].enrich.arguments.a: "environment.HOME" is not there; list "HOME" in options.environment',
  ],
  [
    rule({ enrich: { result: { a: "principle.id" } } }),
    'options.rules[0].enrich.result.a: "principle.id" is not there; there are principal.id',
  ],
  [{ detectors: { x: "(a+)+" } }, "options.detectors.x: may take very long"],
  [{ detectors: { X: "a" } }, "options.detectors.X: the name"],
  [{ limits: { time: "1ms" } }, "options.limits.time: must be at least 10 ms"],
  [{ detectors: { x: "(?:a{1000}){1000}" } }, "plugins[0].options.detectors.x: may take very long"],
  [rule({ result: { outputSchema: { type: "array" } } }), 'options.rules[0].result.outputSchema: must have "type": "object"'],
  [{ rest: { argument: "a-b" } }, "options.rest.argument"],
])("%j is refused with its place", async (options, message) => expect(await problemsOf(options)).toContain(message));

test("expressions and schemas are compiled before anything starts, and what is wrong is told at once, with its place", async () => {
  const message = await problemsOf(
    {
      rules: [
        { match: ["a"], result: { jsonata: "(" } },
        { match: ["b"], validate: { arguments: { type: "nonsense" }, result: { $ref: "#/none" } } },
        { match: ["c"], result: { outputSchema: { type: "object", properties: 1 } } },
      ],
    },
    "prepare",
  );
  expect(message).toMatch(/^ConfigError /);
  expect(message).toContain("plugins[0].options.rules[0].result.jsonata: S0203 at character 1");
  expect(message).toContain("plugins[0].options.rules[1].validate.arguments: schema is invalid");
  expect(message).toContain("plugins[0].options.rules[1].validate.result: can't resolve reference");
  expect(message).toContain("plugins[0].options.rules[2].result.outputSchema: schema is invalid");
});

test.each([[undefined], [{}], [rule({ redact: false, strip: false })], [rule({ strip: { ansi: false }, kind: ["tool"] })]])(
  "%j is taken",
  async (options) => expect(await problemsOf(options)).toBe(""),
);

test("a plugin without rules taps what it must and no call", async () => {
  await using host = createHost({ mcpServers: { one: { url: "http://127.0.0.1:9/mcp" } }, plugins: [transform()] });
  await host.start();
  expect(host.pipeline().taps.map(({ hook }) => hook)).toEqual(["merge", "ready", "close"]);
});
