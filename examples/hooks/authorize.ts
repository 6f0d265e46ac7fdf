import { definePlugin, proxiedFetch } from "mcp-host";
import { z } from "zod";

/** Asks a policy server, such as Open Policy Agent, about each call of a tool: `{ "url": "http://127.0.0.1:8181/v1/data/mcp/allow" }`. */
export default definePlugin({
  name: "policy-server",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({ url: z.url() }),
  apply(host, { url }) {
    host.hooks.authorize.for("tools/call").tap("policy-server", async ({ called, params, principal, signal }) => {
      const { upstream: server, native: tool } = called ?? {};
      const input = { who: principal.id, roles: principal.roles, server, tool, arguments: params.arguments };
      const answer = await proxiedFetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ input }),
        redirect: "error",
        signal: AbortSignal.any([signal, AbortSignal.timeout(4_000)]),
      });
      if (!answer.ok) throw new Error(`the policy server answered ${answer.status}`); // what throws refuses
      const { result } = (await answer.json()) as { result?: unknown }; // nothing else is looked at
      return result === true ? undefined : { rule: "policy-server" };
    });
  },
});
