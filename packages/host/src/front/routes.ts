import type { IncomingMessage } from "node:http";
import type { SealedHooks } from "../plugin/hook-set.ts";
import { notePrincipal } from "../plugin/request-principals.ts";
import { ANONYMOUS, identify, isAuthenticated } from "./identity.ts";
import { turnAway } from "./refusal.ts";
import type { FrontResponse } from "./response.ts";
import { type NetworkOptions, pathOf } from "./way-in.ts";

/**
 * What serves the routes that plugins mount: those that are public for everybody, all others for whom the endpoint would
 * let in. Whoever makes any of these requests was admitted before. Hono is loaded only for those who need it.
 */
export async function routesOf(
  mount: NonNullable<SealedHooks["http"]>,
  options: NetworkOptions,
): Promise<(request: IncomingMessage, response: FrontResponse) => unknown> {
  const [{ Hono }, { matchedRoutes }, { getRequestListener }] = await Promise.all([
    import("hono"),
    import("hono/route"),
    import("@hono/node-server"),
  ]);
  const app = new Hono();
  const publicApp = new Hono();
  mount(app, publicApp);
  const all = new Hono<{ Bindings: { incoming: IncomingMessage } }>();
  all.route("/", publicApp);
  all.use(async (context, next) => {
    const isThere = matchedRoutes(context).length > context.req.routeIndex + 1; // something of the app's comes behind this
    if (!isThere) return next();
    const { incoming } = context.env;
    const path = pathOf(incoming);
    try {
      notePrincipal(context.req.raw, isAuthenticated(options) ? await identify(options, incoming, path) : ANONYMOUS);
    } catch (error) {
      const { status, headers, body } = turnAway(options, incoming, path, error);
      return new Response(body, { status, headers });
    }
    return next();
  });
  all.route("/", app);
  return getRequestListener(all.fetch);
}
