import type { Json } from "mcp-host";

/** Where a claim is: a name as it stands (names with dots and URLs are usual), or the names on the way to it. */
export type ClaimPath = string | readonly string[];

/** The claim at the beginning of a path: the one that a session has to know. */
export function headOf(path: ClaimPath): string {
  return typeof path === "string" ? path : (path[0] as string); // the schema wants at least one
}

/** The value of a claim; undefined where there is none. */
export function claimAt(claims: Readonly<Json>, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const name of typeof path === "string" ? [path] : path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Json)[name];
  }
  return value;
}

/** Texts in a claim: a list of them, or one. */
export function textsAt(claims: Readonly<Json>, path: ClaimPath): string[] {
  const value = claimAt(claims, path);
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** The scopes of a token: RFC 9068's `scope`, or `scp` as some issuers call it. */
export function scopesOf(claims: Readonly<Json>): string[] {
  const { scope = claims.scp } = claims;
  if (typeof scope === "string") return scope.split(" ").filter((one) => one !== "");
  return Array.isArray(scope) ? scope.filter((one) => typeof one === "string") : [];
}

/** Some of the claims; what the token does not have is left out. */
export function pick(claims: Readonly<Json>, names: readonly string[]): Json {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(claims, name)).map((name) => [name, claims[name]]));
}
