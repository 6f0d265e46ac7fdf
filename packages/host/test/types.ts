// Compiled by `npm run typecheck`, never run: each line below a "@ts-expect-error" must not compile.
import { type Config, defineConfig, definePlugin } from "mcp-host";
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
    // @ts-expect-error whoever has something done must be named
    void host.operator.run("reload", {});
    // @ts-expect-error an operation gives an object
    host.operator.operation("types", () => 3);
    const params = z.strictObject({ text: z.string() });
    // @ts-expect-error its schema says what it is given
    host.operator.operation("types", ({ txt }) => ({ txt }), { params });
    // @ts-expect-error there is no such level
    host.log.listen(() => {}, "loud");
    host.operator.operation("types", ({ text }, who) => ({ text: `${text} ${who}` }), { params });
    host.hooks.transform.for("tools/call").tap("types", (params) => ({ ...params, arguments: { name: params.name } }));
  },
});

const made: Config = defineConfig({ mcpServers: { a: { command: "node" } }, plugins: [typed()] });
export const promised = defineConfig(async ({ env, folder }) => ({ ...made, mcpServers: { a: { command: env.A ?? folder } } }));
// @ts-expect-error there is no such key
defineConfig({ listn: {} });
// @ts-expect-error a function gives a config
defineConfig(() => 3);
