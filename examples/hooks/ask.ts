import { definePlugin, refuse } from "mcp-host";
import { z } from "zod";

/** Only servers named here may ask a person something; to others the answer is "decline", and the model is no tool of theirs. */
export default definePlugin({
  name: "who-may-ask",
  host: "^1.0.0",
  options: z.strictObject({ trusted: z.array(z.string()) }),
  apply(host, { trusted }) {
    host.reload.expectUpstreams(...trusted.map((key, at) => ({ place: `options.trusted[${at}]`, key })));
    host.hooks.ask.tap("who-may-ask", (request, { route, plugin }) => {
      if (plugin !== undefined || route === undefined || trusted.includes(route.upstream)) return request;
      host.log.info("a question was kept from a client", { upstream: route.upstream, method: request.method });
      if (request.method === "elicitation/create") return { answer: { action: "decline" } };
      if (request.method === "roots/list") return { answer: { roots: [] } };
      throw refuse("forbidden", `${route.upstream} may not ask a client for this`);
    });
  },
});
