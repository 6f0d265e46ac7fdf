import type { Principal } from "../exchange/caller.ts";

/** A request of a plugin's route: Hono's context, or its `c.req.raw`. */
export type RouteRequest = Request | { readonly req: { readonly raw: Request } };

/** Who makes the requests that came to plugins' routes. They leave with their requests. */
const principals = new WeakMap<Request, Principal>();

export function notePrincipal(request: Request, principal: Principal): void {
  principals.set(request, principal);
}

export function principalOf(request: RouteRequest): Principal | undefined {
  return principals.get("req" in request ? request.req.raw : request);
}
