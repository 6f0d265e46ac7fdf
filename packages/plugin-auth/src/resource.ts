import type { Json } from "mcp-host";
import type { ResourceOptions } from "./options.ts";

const WELL_KNOWN = "/.well-known/oauth-protected-resource";

/** The protected resource that the host is: its metadata (RFC 9728), and the challenges that lead clients there (RFC 6750). */
export class ProtectedResource {
  /** Where the metadata is served: the path-specific place and the root. */
  readonly paths: readonly string[];
  readonly metadata: Readonly<Json>;
  readonly #parameters: readonly [string, string][];

  /** @param issuers the authorization servers */
  constructor({ url, name, scopes, documentation }: ResourceOptions, issuers: readonly string[]) {
    const { origin, pathname } = new URL(url);
    const specific = pathname === "/" ? WELL_KNOWN : `${WELL_KNOWN}${pathname.replace(/\/$/, "")}`;
    this.paths = [...new Set([specific, WELL_KNOWN])];
    this.#parameters = [["resource_metadata", `${origin}${specific}`]];
    this.metadata = Object.freeze({
      resource: url,
      authorization_servers: issuers,
      bearer_methods_supported: ["header"],
      ...(scopes.length > 0 && { scopes_supported: scopes }),
      ...(name !== undefined && { resource_name: name }),
      ...(documentation !== undefined && { resource_documentation: documentation }),
    });
  }

  get parameters(): readonly [string, string][] {
    return this.#parameters;
  }
}

/** A `WWW-Authenticate` header. */
export function challenge(parameters: readonly (readonly [string, string])[]): Record<string, string> {
  const quoted = parameters.map(([key, value]) => `${key}="${value.replace(/["\\]/g, "'")}"`);
  return { "www-authenticate": quoted.length === 0 ? "Bearer" : `Bearer ${quoted.join(", ")}` };
}
