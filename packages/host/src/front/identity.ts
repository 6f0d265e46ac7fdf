import type { IncomingMessage } from "node:http";
import { HostError } from "../errors.ts";
import { answerHeaders } from "../exchange/answer-headers.ts";
import type { Principal } from "../exchange/caller.ts";
import type { HttpArrival } from "../plugin/hook-types.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { FrontResponse } from "./response.ts";
import type { Arrival, NetworkOptions } from "./way-in.ts";

type Options = Pick<NetworkOptions, "authenticate" | "plugins">;

export const ANONYMOUS: Principal = Object.freeze({ id: "anonymous", roles: Object.freeze([]) });

/** Whether somebody says who clients are. */
export function isAuthenticated({ authenticate, plugins }: Options): boolean {
  return authenticate !== undefined || plugins().hooks.authenticate !== undefined;
}

/** Whether somebody has to be asked before a request is served. Where nobody has, nothing waits. */
export function isGuarded(options: Options): boolean {
  return options.plugins().hooks.admit !== undefined || isAuthenticated(options);
}

/** What answers a request, where that is the host and has a head of its own. */
type Answer = Pick<FrontResponse, "give"> | undefined;

/** Lets a request in: it is admitted, and it is known who makes it. Rejects with why not. */
export async function enter(options: Options, request: IncomingMessage, path: string, answer: Answer): Promise<Principal> {
  await admit(options, request, path, answer);
  return isAuthenticated(options) ? identify(options, request, path, answer) : ANONYMOUS;
}

/** Asks plugins whether a request may come in at all. Rejects with why not. */
export async function admit(options: Options, request: IncomingMessage, path: string, answer: Answer): Promise<void> {
  const plugins = options.plugins();
  await plugins.hooks.admit?.(new RequestFacts(request, path, answer));
  if (plugins !== options.plugins()) return admit(options, request, path, answer); // a reload came between: what it refuses is refused
}

/** Who makes a request. Only where somebody says it. */
export async function identify(options: Options, request: IncomingMessage, path: string, answer: Answer): Promise<Principal> {
  const plugins = options.plugins();
  const { hooks } = plugins;
  const facts = new RequestFacts(request, path, answer);
  let principal = (await options.authenticate?.(request)) ?? (await hooks.authenticate?.(facts));
  if (hooks.principal && isPrincipal(principal) && principal.id !== ANONYMOUS.id)
    principal = await hooks.principal(fixed(principal), facts);
  if (plugins !== options.plugins()) return identify(options, request, path, answer); // a reload came between: what it took away is gone
  if (!isPrincipal(principal))
    throw new HostError("unauthorized", "the request is not authenticated", { headers: { "www-authenticate": "Bearer" } });
  return principal;
}

/** Whether what was given is a principal; code without types gives anything. */
function isPrincipal(given: Principal | undefined): given is Principal {
  return typeof given === "object" && typeof given?.id === "string" && given.id !== "" && Array.isArray(given.roles);
}

/** A request as plugins see it at the edge. */
class RequestFacts implements HttpArrival {
  readonly method: string;
  readonly path: string;
  readonly headers: HttpArrival["headers"];
  readonly address: string;
  readonly #answer: Answer;

  constructor({ method = "", headers, socket }: IncomingMessage, path: string, answer: Answer) {
    this.method = method;
    this.path = path;
    this.headers = headers;
    this.address = socket.remoteAddress ?? "";
    this.#answer = answer;
  }

  answerHeaders(headers: Readonly<Record<string, string>>): boolean {
    return this.#answer?.give(answerHeaders(headers)) ?? false;
  }
}

/** Whether two say the same of who somebody is and what they may do. */
export function isSame(a: Principal, b: Principal): boolean {
  if (a === b) return true;
  return a.id === b.id && a.binding === b.binding && JSON.stringify([...a.roles].sort()) === JSON.stringify([...b.roles].sort());
}

/** The network session with this id, if it is this principal's and of this endpoint: another's is no different from an unknown one. */
export function ownSession(sessions: Sessions, id: string, { principal, endpoint }: Arrival): Session | undefined {
  const session = sessions.get(id);
  return session?.network && session.endpoint === endpoint && isSame(session.principal, principal) ? session : undefined;
}

/** A copy that nobody can change in place: whoever established it may keep the object for the next request. */
function fixed(principal: Principal): Principal {
  return Object.freeze({ ...principal, roles: Object.freeze([...principal.roles]) });
}
