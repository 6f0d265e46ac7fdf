import type { IncomingMessage } from "node:http";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { FrontResponse } from "./response.ts";

/** What serves the routes that plugins mount. Hono is loaded only for those who need it. */
export async function routesOf(
  mount: NonNullable<SealedHooks["http"]>,
): Promise<(request: IncomingMessage, response: FrontResponse) => unknown> {
  const [{ Hono }, { getRequestListener }] = await Promise.all([import("hono"), import("@hono/node-server")]);
  const app = new Hono();
  mount(app);
  return getRequestListener(app.fetch);
}
