// Compiled by `npm run typecheck`, never run: each line below a "@ts-expect-error" must not compile.
import { type Config, defineConfig, definePlugin, defineTool } from "mcp-host";
import { z } from "zod";

export const typed = definePlugin({
  name: "types",
  host: "^1.0.0",
  apply(host) {
    // @ts-expect-error a waterfall's tap must return
    host.hooks.respond.for("tools/call").tap("types", (result) => {
      void result;
    });
    // @ts-expect-error discover must return entries
    host.hooks.discover.tap("types", () => {});
    // @ts-expect-error there is no such method
    host.hooks.transform.for("tools/cal");
    // @ts-expect-error there is no such hook
    host.hooks.transfrom;
    // @ts-expect-error permit answers false or undefined
    host.hooks.permit.tap("types", () => true);
    host.hooks.transform.for("tools/call").tap("types", (params) => ({ ...params, arguments: { name: params.name } }));
  },
});

export const offering = definePlugin({
  name: "offering",
  host: "^1.0.0",
  apply(host) {
    const input = z.object({ word: z.string(), times: z.number().default(1) });
    const offered = host.offer({
      tools: {
        text: { input, call: ({ word, times }) => word.repeat(times) },
        content: { input: { type: "object" }, call: async ({ any }) => [{ type: "text", text: String(any) }] },
        result: { call: (_args, { signal }) => ({ structuredContent: { aborted: signal.aborted } }) },
      },
    });
    // @ts-expect-error the words of the schema are text
    host.offer({ tools: { a: { input, call: ({ word }) => word.toFixed() } } });
    // @ts-expect-error the schema has no such argument
    host.offer({ tools: { a: { input, call: ({ wrod }) => String(wrod) } } });
    // @ts-expect-error a number is no result
    host.offer({ tools: { a: { input, call: () => 3 } } });
    // @ts-expect-error there is no such key
    host.offer({ tools: { a: { inptu: input, call: () => "" } } });
    // @ts-expect-error there is no such kind
    host.offer({ tols: {} });
    // @ts-expect-error arguments come from a schema
    host.offer({ tools: { a: { input: 3, call: () => "" } } });
    // @ts-expect-error a prompt needs `get`
    host.offer({ prompts: { a: {} } });
    // @ts-expect-error a resource needs a name
    host.offer({ resources: { "a:b": { read: () => "" } } });
    // @ts-expect-error a resource is a text, bytes or contents
    host.offer({ resources: { "a:b": { name: "a", read: () => 3 } } });
    // @ts-expect-error what was offered to all stays so
    offered.update(() => ({}));
    const output = z.object({ n: z.number() });
    // @ts-expect-error it must fit the output
    defineTool({ output, call: () => ({ structuredContent: { n: "three" } }) });
    // @ts-expect-error the words of the schema are text
    defineTool({ input, call: ({ word }) => word.toFixed() });
    const each = host.offer((caller) => ({ tools: { mine: defineTool({ input, call: ({ word }) => caller.id + word.toUpperCase() }) } }));
    // @ts-expect-error what was offered to each stays so
    each.update({});
    // @ts-expect-error there is no such level
    host.offer({ tools: { a: { call: (_args, { log }) => String(log("loud", "")) } } });
  },
});

const made: Config = defineConfig({ mcpServers: { a: { command: "node" } }, plugins: [typed()] });
export const promised = defineConfig(async ({ env, folder }) => ({ ...made, mcpServers: { a: { command: env.A ?? folder } } }));
// @ts-expect-error there is no such key
defineConfig({ listn: {} });
// @ts-expect-error a function gives a config
defineConfig(() => 3);
