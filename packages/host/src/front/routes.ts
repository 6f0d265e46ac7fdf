import type { IncomingMessage } from "node:http";
import type { ErrorHandler } from "hono";
import { HostError, isRefusal } from "../errors.ts";
import { mounting, type SealedHooks } from "../plugin/hook-set.ts";
import { notePrincipal } from "../plugin/request-principals.ts";
import { ANONYMOUS, identify, isAuthenticated } from "./identity.ts";
import { type Refusal, refusalOf, turnAway } from "./refusal.ts";
import type { FrontResponse } from "./response.ts";
import { type NetworkOptions, pathOf } from "./way-in.ts";

/**
 * What serves the routes that plugins mount: those that are public for everybody, all others for whom the endpoint would
 * let in. Whoever makes any of these requests was admitted before. Each plugin has an app of its own, so that it is known whose
 * route failed. Hono is loaded only for those who need it.
 */
export async function routesOf(
  hooks: SealedHooks,
  options: NetworkOptions,
): Promise<(request: IncomingMessage, response: FrontResponse) => unknown> {
  const [{ Hono }, { matchedRoutes }, { getRequestListener }] = await Promise.all([
    import("hono"),
    import("hono/route"),
    import("@hono/node-server"),
  ]);
  const apps = Array.from(mounting(hooks), ({ plugin, mount }) => {
    const app = new Hono();
    const publicApp = new Hono();
    const failed = failedIn(plugin, options);
    app.onError(failed); // before the plugin is asked, which may have its own
    publicApp.onError(failed);
    mount(app, publicApp);
    return { app, publicApp };
  });
  const all = new Hono<{ Bindings: { incoming: IncomingMessage } }>();
  for (const { publicApp } of apps) all.route("/", publicApp);
  all.use(async (context, next) => {
    const isThere = matchedRoutes(context).length > context.req.routeIndex + 1; // something of the apps' comes behind this
    if (!isThere) return next();
    const { incoming } = context.env;
    const path = pathOf(incoming);
    try {
      notePrincipal(context.req.raw, isAuthenticated(options) ? await identify(options, incoming, path, undefined) : ANONYMOUS);
    } catch (error) {
      return responseOf(turnAway(options, incoming, path, error));
    }
    return next();
  });
  for (const { app } of apps) all.route("/", app);
  // Hono hands on what is no Error, and nobody knows whose it was.
  const errorHandler = (error: unknown): Response => responseOf(refusalOf(error, options.log));
  return getRequestListener(all.fetch, { errorHandler });
}

/** What is answered where a plugin's route throws: what it says with `refuse` or in Hono's own way, or that it failed; the log has the rest. */
function failedIn(plugin: string, { failures, log }: NetworkOptions): ErrorHandler {
  return (error, context) => {
    if (isRefusal(error)) return responseOf(refusalOf(error, log));
    if ("getResponse" in error) return error.getResponse();
    failures.tell("a plugin failed", { plugin, hook: "http" }, error, { method: context.req.method, path: context.req.path });
    return responseOf(refusalOf(new HostError("plugin_failure", `plugin "${plugin}" failed`, { plugin }), log));
  };
}

function responseOf({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers });
}
