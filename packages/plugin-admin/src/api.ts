import { type Json, type PluginHost, redactText, type Scope } from "mcp-host";
import { type Access, type Asked, type Operator, suffices } from "./access.ts";
import { bodyOf } from "./body.ts";
import { openApiOf } from "./openapi.ts";
import type { Resolved } from "./options.ts";
import { docsPage } from "./page.ts";
import { answerOf, Problem, problemOf, SAFE } from "./problem.ts";
import { paramsIn, refuseCredentials } from "./query.ts";
import { fixedNames, givenParams, match, routes, type Served, served } from "./routes.ts";
import { eventStream, STREAMS } from "./streams.ts";

/** Where the ticket of a set-up is taken for its token. */
const SETUP = "/setup";

const NO_TICKET =
  "this ticket is not good, or not any more: it is for once, for ten minutes, and for this machine without a proxy; `mcp-host open --setup` gives another";

/** What was asked for, for whoever counts it. */
export type Told = (status: number, why: string) => void;

/** The API of one plugin: gives the answer to each request, whatever server it came to. */
export class Api {
  readonly #host: PluginHost;
  readonly #options: Resolved;
  readonly #access: Access;
  readonly #told: Told;
  #routes: readonly Served[] | undefined;
  #document: string | undefined;

  constructor(host: PluginHost, options: Resolved, access: Access, told: Told) {
    this.#host = host;
    this.#options = options;
    this.#access = access;
    this.#told = told;
  }

  /** Operations may be others now. */
  forget(): void {
    this.#routes = undefined;
    this.#document = undefined;
  }

  /** The page, which everybody may see: it holds nothing but itself. */
  docs(request: Request): Response | undefined {
    const { path, docs } = this.#options;
    const { pathname } = new URL(request.url);
    return docs && request.method === "GET" && pathname.startsWith(`${path}/docs`)
      ? docsPage(pathname.slice(path.length), path)
      : undefined;
  }

  /** Never rejects. @param operator who asks; undefined where nobody may be let in */
  async answer(request: Request, asked: Asked, operator: Operator | undefined): Promise<Response> {
    try {
      const url = new URL(request.url);
      refuseCredentials(url.searchParams);
      if (this.isSetup(request)) return this.#setUp(asked);
      if (!operator) throw this.#turnedAway(asked);
      const response = await this.#served(request, url, operator);
      this.#told(response.status, "done");
      return response;
    } catch (error) {
      const problem = problemOf(error);
      this.#told(problem.status, problem.type);
      return answerOf(problem, redactText);
    }
  }

  /** Whether somebody brings the ticket of a set-up, which is no operator's. */
  isSetup({ method, url }: Request): boolean {
    return method === "POST" && new URL(url).pathname === `${this.#options.path}${SETUP}`;
  }

  #setUp(asked: Asked): Response {
    const handed = this.#access.redeem(asked);
    if (!handed) throw this.#turnedAway(asked, NO_TICKET);
    this.#host.log.warn("a set-up has begun: what starts programs can be changed over the admin API", { address: asked.address });
    this.#told(200, "done");
    return json({ token: handed.token, seconds: Math.floor((handed.until - this.#host.clock.now()) / 1_000) });
  }

  /** For a client who is known, and is no operator. */
  withoutRole(): Response {
    this.#told(403, "forbidden");
    return answerOf(new Problem(403, "forbidden", "none of the client's roles is an operator's"), redactText);
  }

  #turnedAway(asked: Asked, words?: string): Problem {
    const refusal = this.#access.refusal(asked, words);
    if (refusal.isNews)
      this.#host.log.warn("somebody without an operator's token was turned away", { address: asked.address, method: asked.method });
    return refusal;
  }

  async #served(request: Request, url: URL, operator: Operator): Promise<Response> {
    const below = url.pathname.slice(this.#options.path.length);
    const { method } = request;
    const own = below === "/whoami" || below === "/openapi.json" || Object.hasOwn(STREAMS, below);
    if (own) {
      if (method !== "GET") throw notAllowed(method, ["GET"]);
      this.#checkScope(operator, "read");
      return this.#own(below, url, operator);
    }
    const parts = partsOf(below);
    const fitting = this.#now().flatMap((route) => {
      const found = match(route, parts);
      return found ? [{ route, found }] : [];
    });
    if (fitting.length === 0)
      throw new Problem(404, "not_found", `there is nothing at this path; ${this.#options.path}/openapi.json has what there is`);
    const chosen = fitting.find(({ route }) => route.method === method);
    if (!chosen)
      throw notAllowed(
        method,
        fitting.map(({ route }) => route.method),
      );
    const { route, found } = chosen;
    this.#checkScope(operator, route.scope);
    const params = await this.#params(request, url, route);
    for (const [name, value] of Object.entries(found)) if (!route.chooses?.includes(name)) params[route.params?.[name] ?? name] = value;
    const result = await this.#host.operator.run(route.operation, { ...params, ...route.fixed?.(operator) }, operator.who);
    const shown = route.selection ? route.selection.select(result as Json, found) : result;
    if (shown === undefined) throw new Problem(404, "not_found", `there is none that is called ${JSON.stringify(Object.values(found)[0])}`);
    return json(shown);
  }

  async #own(path: string, url: URL, operator: Operator): Promise<Response> {
    const stream = STREAMS[path];
    if (stream) return eventStream(this.#host, stream.what, paramsIn(url.searchParams, stream.properties));
    paramsIn(url.searchParams, {});
    if (path === "/whoami") {
      const { who, scope, commands } = operator;
      return json({ who, scope, allowCommands: commands });
    }
    this.#document ??= JSON.stringify(openApiOf(this.#now(), this.#options.path));
    return new Response(this.#document, { headers: { ...SAFE, "content-type": "application/json" } });
  }

  async #params(request: Request, url: URL, route: Served): Promise<Json> {
    const { properties } = givenParams(route);
    if (route.method === "GET") return paramsIn(url.searchParams, route.selection ? {} : properties);
    paramsIn(url.searchParams, {});
    const body = await bodyOf(request);
    for (const name of Object.keys(body))
      if (!Object.hasOwn(properties, name) && isTaken(route, name))
        throw new Problem(400, "invalid_params", `"${name}" is not for the body to say`);
    return body;
  }

  #checkScope({ scope }: Operator, needed: Scope): void {
    if (suffices(scope, needed)) return;
    throw new Problem(403, "insufficient_scope", `this needs the scope "${needed}", and whoever asks has "${scope}"`, {
      "www-authenticate": `Bearer realm="mcp-host admin", error="insufficient_scope", scope="${needed}"`,
    });
  }

  #now(): readonly Served[] {
    const { id, operator } = this.#host;
    this.#routes ??= served(routes(id), operator.list(), id);
    return this.#routes;
  }
}

/** Whether a param is the path's to say, or the plugin's. */
function isTaken(route: Served, name: string): boolean {
  const { parts, params } = route;
  return fixedNames(route).includes(name) || parts.includes(`{${name}}`) || Object.values(params ?? {}).includes(name);
}

/** The parts of a path, as they were before they were written into it. @throws Problem */
function partsOf(path: string): string[] {
  const written = path.split("/").slice(1);
  if (written.length > 8 || written.some((part) => part === "" || part.length > 512))
    throw new Problem(404, "not_found", "there is nothing at this path");
  try {
    return written.map((part) => decodeURIComponent(part));
  } catch {
    throw new Problem(400, "invalid_request", "the path is not encoded as it must be");
  }
}

function notAllowed(method: string, allowed: readonly string[]): Problem {
  return new Problem(405, "method_not_allowed", `${method.slice(0, 16)} is none of the methods of this path`, {
    allow: [...new Set(allowed)].join(", "),
  });
}

function json(value: unknown): Response {
  return new Response(JSON.stringify(value), { headers: { ...SAFE, "content-type": "application/json" } });
}
