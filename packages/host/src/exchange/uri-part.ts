/**
 * Whether a URI is another one or lies below it: what is told of a part is news of the whole, and the other way round.
 * Both are compared as they are written. A server may tell of a part of what was subscribed (2025-11-25, server/resources).
 */
export function isPartOf(uri: string, whole: string): boolean {
  return uri === whole || (uri.startsWith(whole) && (whole.endsWith("/") || "/?#".includes(uri[whole.length] ?? " ")));
}
