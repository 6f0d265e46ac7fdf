/** Redirects in a row that are followed. */
const MOST = 3;

/**
 * Where a redirect leads, or why it is not followed, in words that begin with what the server does. It has to stay within the
 * origin, since the credentials of the config are for no other.
 * @param followed redirects before this one
 */
export function redirectTarget(location: string, from: URL, followed: number): URL | string {
  const refused = (where: string): string => `redirects ${where}, which is not followed; configure its final URL`;
  if (!URL.canParse(location, from.href)) return refused("to what is no URL");
  const target = new URL(location, from);
  if (target.origin !== from.origin) return refused("to another origin");
  return followed < MOST ? target : refused(`more than ${MOST} times`);
}

/** Where a server points to, if that is at its own origin: the credentials of the config are for no other. */
export function sameOrigin(text: string, from: URL): URL | undefined {
  if (!URL.canParse(text, from.href)) return undefined;
  const target = new URL(text, from);
  return target.origin === from.origin ? target : undefined;
}
