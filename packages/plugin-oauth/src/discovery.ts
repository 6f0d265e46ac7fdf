import { isSafeUrl } from "mcp-host";
import { type AuthorizationServer, processDiscoveryResponse, processResourceDiscoveryResponse, type ResourceServer } from "oauth4webapi";
import type { Challenge } from "./challenge.ts";
import { type Egress, shown } from "./egress.ts";
import type { ServerOptions } from "./options.ts";
import { SignInProblem } from "./problem.ts";

/** Where and how somebody signs in to a server. */
export interface Found {
  readonly as: AuthorizationServer;
  /** The `resource` parameter; undefined: none. */
  readonly resource: string | undefined;
  /** What is asked for where the challenge says nothing. */
  readonly scopes: readonly string[] | undefined;
}

export interface Wanted {
  /** The MCP server's URL. */
  readonly url: string;
  readonly options: ServerOptions;
  readonly challenge: Challenge | undefined;
  /** Issuers that there are credentials of. */
  readonly known?: readonly string[];
  /** Whether a code is to be entered on another device, for which no browser comes back (RFC 8628). */
  readonly byCode?: boolean;
}

/**
 * Finds the authorization server of an MCP server: by the challenge, else at the well-known places of RFC 9728, else at the
 * server's own origin. @throws SignInProblem
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/authorization-server-discovery
 */
export async function discover(wanted: Wanted, egress: Egress): Promise<Found> {
  const found = await serverOf(wanted, egress);
  check(found.as, wanted);
  return found;
}

async function serverOf({ url, options, challenge, known = [] }: Wanted, egress: Egress): Promise<Found> {
  const fetch = egress.for(url);
  if (options.issuer !== undefined)
    return { as: await metadataOf(options.issuer, options, fetch, false), resource: resourceOf(options, url), scopes: undefined };
  const metadata = await resourceMetadata(url, challenge, fetch);
  if (!metadata) {
    if (!options.legacy) throw new SignInProblem("no-metadata", `${shown(url)} does not say where to sign in; name its \`issuer\``);
    // MCP 2025-03-26: the server is its own authorization server.
    return { as: await metadataOf(new URL(url).origin, options, fetch, true), resource: resourceOf(options, undefined), scopes: undefined };
  }
  const issuers = (metadata.authorization_servers ?? []).filter((each): each is string => typeof each === "string" && isSafeUrl(each));
  const issuer = issuers.find((each) => known.includes(each)) ?? issuers[0];
  if (issuer === undefined)
    throw new SignInProblem("no-metadata", `${shown(url)} names no authorization server that is reached over https; name its \`issuer\``);
  const { scopes_supported: scopes } = metadata;
  return {
    as: await metadataOf(issuer, options, fetch, false),
    resource: resourceOf(options, metadata.resource),
    scopes: Array.isArray(scopes) ? scopes.filter((each) => typeof each === "string") : undefined,
  };
}

function resourceOf({ resource }: ServerOptions, published: string | undefined): string | undefined {
  return resource === false ? undefined : (resource ?? published);
}

type Fetch = ReturnType<Egress["for"]>;

/** Metadata of the protected resource, or undefined where it has none. */
async function resourceMetadata(url: string, challenge: Challenge | undefined, fetch: Fetch): Promise<ResourceServer | undefined> {
  const { origin, pathname } = new URL(url);
  const known = `${origin}/.well-known/oauth-protected-resource`;
  const named = challenge?.resourceMetadata;
  const places = [
    ...(named !== undefined && URL.canParse(named, url) ? [new URL(named, url).href] : []),
    ...(pathname === "/" ? [] : [known + pathname]),
    known,
  ];
  for (const place of new Set(places)) {
    const found = await documentAt(place, fetch);
    if (!found) continue;
    const { resource } = found.json;
    if (typeof resource !== "string" || !URL.canParse(resource)) continue;
    if (!covers(resource, url))
      throw new SignInProblem(
        "resource-mismatch",
        `${shown(place)} is about ${shown(resource)} and not about ${shown(url)}, so its words are not taken`,
      );
    return processResourceDiscoveryResponse(new URL(resource), found.response);
  }
  return undefined;
}

/** Whether a resource is the URL or begins its path, on the same origin. */
function covers(resource: string, url: string): boolean {
  const [whole, part] = [new URL(resource), new URL(url)];
  if (whole.origin !== part.origin) return false;
  const prefix = whole.pathname.endsWith("/") ? whole.pathname : `${whole.pathname}/`;
  return `${part.pathname}/`.startsWith(prefix);
}

/** A JSON document; undefined where there is none. @throws SignInProblem where it is not known whether there is */
async function documentAt(place: string, fetch: Fetch): Promise<{ json: Record<string, unknown>; response: Response } | undefined> {
  const response = await fetch(place, { method: "GET", headers: { accept: "application/json" } });
  if (response.status >= 500 && response.status !== 502)
    throw new SignInProblem("unreachable", `${shown(place)} answers HTTP ${response.status}`);
  if (response.status !== 200) return undefined;
  let json: unknown;
  try {
    json = await response.clone().json();
  } catch {
    return undefined; // a page
  }
  return typeof json === "object" && json !== null && !Array.isArray(json)
    ? { json: json as Record<string, unknown>, response }
    : undefined;
}

/** Where the metadata of an issuer may be, in order: RFC 8414, OpenID Connect with the path in both places. */
export function metadataPlaces(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, "");
  const [oauth, oidc] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
  return path === "" ? [origin + oauth, origin + oidc] : [origin + oauth + path, origin + oidc + path, origin + path + oidc];
}

/** @param isGuess whether nobody said that it is one, so that it may have no metadata @throws SignInProblem */
async function metadataOf(issuer: string, options: ServerOptions, fetch: Fetch, isGuess: boolean): Promise<AuthorizationServer> {
  let other: string | undefined;
  for (const place of metadataPlaces(issuer)) {
    const found = await documentAt(place, fetch);
    if (typeof found?.json.issuer !== "string") continue;
    const said = found.json.issuer;
    if (options.trustedIssuers.includes(said)) return found.json as unknown as AuthorizationServer;
    if (!URL.canParse(said) || new URL(said).href !== new URL(issuer).href) {
      other = said;
      continue;
    }
    return processDiscoveryResponse(new URL(issuer), found.response);
  }
  if (other !== undefined)
    throw new SignInProblem(
      "issuer-mismatch",
      `the metadata of ${shown(issuer)} says that it is ${shown(other)}; where that is right, add what it says to \`trustedIssuers\``,
    );
  if (!isGuess) throw new SignInProblem("no-metadata", `${shown(issuer)} has no metadata that says where to sign in`);
  const { origin } = new URL(issuer);
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    code_challenge_methods_supported: ["S256"],
  };
}

/** Whether there are the endpoints that a way of signing in needs. @throws SignInProblem where nobody can sign in there as MCP has it */
function check(as: AuthorizationServer, { options, byCode = false }: Wanted): void {
  const isByBrowser = options.grant === "authorization_code" && !byCode;
  if (byCode && typeof as.device_authorization_endpoint !== "string")
    throw new SignInProblem(
      "no-metadata",
      `${shown(as.issuer)} gives no codes to enter on another device (its metadata has no device_authorization_endpoint); sign in without \`--device\`: the page may be opened on another machine, and the address that it ends at pasted`,
    );
  const needed = ["token_endpoint", ...(byCode ? (["device_authorization_endpoint"] as const) : [])] as const;
  for (const name of isByBrowser ? (["authorization_endpoint", ...needed] as const) : needed) {
    const endpoint = as[name];
    if (typeof endpoint !== "string") throw new SignInProblem("no-metadata", `the metadata of ${shown(as.issuer)} has no ${name}`);
    if (!isSafeUrl(endpoint))
      throw new SignInProblem("insecure", `the ${name} of ${shown(as.issuer)} is no https:// URL, so nothing is sent there`);
  }
  if (isByBrowser && !options.assumePkce && !as.code_challenge_methods_supported?.includes("S256"))
    throw new SignInProblem(
      "pkce-unsupported",
      `${shown(as.issuer)} does not say that it takes PKCE with S256; where it does all the same, set \`assumePkce\``,
    );
}
