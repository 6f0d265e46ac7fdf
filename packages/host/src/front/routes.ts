import type { IncomingMessage } from "node:http";
import type { SealedHooks } from "../plugin/hook-set.ts";
import { authenticate, isAuthenticated, type NetworkOptions, pathOf } from "./endpoint.ts";
import { edgeRefusal } from "./refusal.ts";
import type { FrontResponse } from "./response.ts";

/**
 * What serves the routes that plugins mount: those that are public for everybody, all others for whom the endpoint would
 * let in. Hono is loaded only for those who need it.
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
    if (!isThere || !isAuthenticated(options)) return next();
    const { incoming } = context.env;
    try {
      await authenticate(options, incoming, pathOf(incoming));
    } catch (error) {
      const { body, ...head } = edgeRefusal(error, options.log);
      return new Response(body, head);
    }
    return next();
  });
  all.route("/", app);
  return getRequestListener(all.fetch);
}
