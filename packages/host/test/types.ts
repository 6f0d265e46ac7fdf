// Compiled by `npm run typecheck`, never run: each line below a "@ts-expect-error" must not compile.
import { type Config, defineConfig, definePlugin } from "mcp-host";

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
    // @ts-expect-error admit gives nothing: whoever turns away throws
    host.hooks.admit.tap("types", () => false);
    // @ts-expect-error admit knows nobody
    host.hooks.admit.tap("types", ({ principal }) => void principal);
    // @ts-expect-error principal's tap must return
    host.hooks.principal.tap("types", () => {});
    // @ts-expect-error a principal has roles
    host.hooks.principal.tap("types", ({ id }) => ({ id }));
    // @ts-expect-error roles are strings
    host.hooks.principal.tap("types", (principal) => ({ ...principal, roles: [1] }));
    host.hooks.principal.tap("types", async (principal, { headers }) => ({ ...principal, claims: { tenant: headers["x-tenant"] } }));
    host.hooks.refused.tap("types", ({ request, exchange, decision, type, status, message }) => {
      // @ts-expect-error a notification has no request
      void request.path;
      // @ts-expect-error the host may have refused
      void decision.plugin;
      void [
        request?.address,
        exchange?.http?.headers["user-agent"],
        decision?.hook,
        type === "forbidden",
        status?.toFixed(),
        message.length,
      ];
    });
    // @ts-expect-error a name is a text
    host.endpoint(3);
    // @ts-expect-error names of headers are texts
    host.keepHeaders(["user-agent"]);
    host.hooks.http.tap("types", (app) => {
      app.get("/me", (context) => context.json({ id: host.principal(context)?.id, same: host.principal(context.req.raw)?.id }));
      // @ts-expect-error a path says nothing of who asks
      host.principal("/me");
    });
    host.hooks.call.for("tools/call").tap("types", (next) => (exchange) => {
      // @ts-expect-error values of headers are texts
      void exchange.withHeaders({ "x-a": 1 }, next);
      // @ts-expect-error what the edge knows is not to be changed
      exchange.http = undefined;
      return exchange.withHeaders({ "x-a": "1" }, next);
    });
    host.hooks.transform.for("tools/call").tap("types", (params) => ({ ...params, arguments: { name: params.name } }));
  },
});

const made: Config = defineConfig({ mcpServers: { a: { command: "node" } }, plugins: [typed()] });
export const promised = defineConfig(async ({ env, folder }) => ({ ...made, mcpServers: { a: { command: env.A ?? folder } } }));
// @ts-expect-error there is no such key
defineConfig({ listn: {} });
// @ts-expect-error a function gives a config
defineConfig(() => 3);
