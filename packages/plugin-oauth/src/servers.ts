import { ConfigError, type PluginHost, type Principal, type ResolvedConfig } from "mcp-host";
import type { Owner } from "./grants.ts";
import { type Options, type ServerOptions, server as serverSchema } from "./options.ts";
import { HOST, whoOf } from "./records.ts";

/** A server that is signed in to, or may be. */
export interface Target {
  readonly key: string;
  readonly url: string;
  readonly options: ServerOptions;
  readonly mode: "host" | "principal";
  /** Whether the config names it, so that it is one whatever it answers. */
  readonly isNamed: boolean;
}

/** Which servers are signed in to: those that the options name, and those that may turn out to want it. @throws ConfigError */
export function targetsOf(
  given: Options,
  config: Pick<ResolvedConfig, "mcpServers">,
  host: Pick<PluginHost, "reload">,
): ReadonlyMap<string, Target> {
  const names = Object.keys(given.servers);
  host.reload.expectUpstreams(...names.map((key) => ({ place: `options.servers["${key}"]`, key })));
  const targets = new Map<string, Target>();
  const problems: string[] = [];
  for (const [key, server] of Object.entries(config.mcpServers)) {
    const named = given.servers[key];
    const place = `plugin "oauth": options.servers["${key}"]`;
    const url = "url" in server ? server.url : undefined;
    if (url === undefined || !/^https?:/.test(url)) {
      if (named) problems.push(`${place}: only servers with an http:// or https:// URL are signed in to`);
      continue;
    }
    const isStatic = "headers" in server && Object.keys(server.headers ?? {}).some((name) => name.toLowerCase() === "authorization");
    if (named && isStatic)
      problems.push(
        `${place}: mcpServers.${key}.headers has an Authorization header, which a sign-in would take the place of; take out one of them`,
      );
    if (!named && (isStatic || !given.discover)) continue;
    const options = named ?? serverSchema.parse({});
    if (named) problems.push(...wrong(named).map((problem) => `${place}${problem}`));
    const mode = MODES[options.grant] ?? options.mode ?? given.mode;
    targets.set(key, { key, url, options, mode, isNamed: named !== undefined });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return targets;
}

/** Whose a token is, where nobody signs in for it. */
const MODES: Partial<Record<ServerOptions["grant"], Target["mode"]>> = { client_credentials: "host", token_exchange: "principal" };

function wrong({ grant, issuer, clientId, clientSecret, privateKey, tokenEndpointAuthMethod: method, mode }: ServerOptions): string[] {
  const problems: string[] = [];
  if (grant === "token_exchange") {
    if (issuer === undefined)
      problems.push(".issuer: is needed for token_exchange: callers' tokens go there, so it is not for the server to say where that is");
    if (clientId === undefined) problems.push(".clientId: is needed for token_exchange");
    if (mode === "host") problems.push('.mode: token_exchange is each caller\'s own, so it cannot be "host"');
  }
  if (grant === "client_credentials") {
    if (clientId === undefined) problems.push(".clientId: is needed for client_credentials");
    if (clientSecret === undefined && privateKey === undefined) problems.push(": client_credentials needs a clientSecret, or a privateKey");
    if (mode === "principal") problems.push('.mode: client_credentials is the host\'s own account, so it cannot be "principal"');
  }
  const unused =
    clientId !== undefined ? undefined : clientSecret !== undefined ? "clientSecret" : privateKey !== undefined ? "privateKey" : undefined;
  if (unused !== undefined && grant === "authorization_code")
    problems.push(`.${unused}: is of no use without the clientId that it belongs to`);
  if (method === "private_key_jwt" && privateKey === undefined) problems.push(".privateKey: is needed for private_key_jwt");
  if ((method === "client_secret_basic" || method === "client_secret_post") && clientId !== undefined && clientSecret === undefined)
    problems.push(`.clientSecret: is needed for ${method}`);
  return problems;
}

/** Whether each client's person is sent to a page to sign in there. */
export function asksPersons({ mode, options }: Target): boolean {
  return mode === "principal" && options.grant === "authorization_code";
}

/** Whose grant a connection is to have. */
export function ownerOf({ url, options, mode }: Target, principal: Principal | string | undefined): Owner {
  const id = typeof principal === "object" ? principal.id : principal;
  return { who: mode === "principal" && id !== undefined ? whoOf(id) : HOST, url, options };
}
