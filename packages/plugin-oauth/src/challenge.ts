import { processRevocationResponse, WWWAuthenticateChallengeError } from "oauth4webapi";

/** What a server says of the token that it wants. @see https://www.rfc-editor.org/rfc/rfc6750#section-3 */
export interface Challenge {
  readonly resourceMetadata: string | undefined;
  readonly scope: string | undefined;
  readonly error: string | undefined;
}

/** The Bearer challenge of a `WWW-Authenticate`; undefined where there is none. */
export async function bearerOf(header: string | undefined): Promise<Challenge | undefined> {
  if (header === undefined) return undefined;
  try {
    // The library's parser is only reached through an answer.
    await processRevocationResponse(new Response(null, { status: 401, headers: { "www-authenticate": header } }));
  } catch (error) {
    if (!(error instanceof WWWAuthenticateChallengeError)) return undefined;
    const bearer = error.cause.find(({ scheme }) => scheme === "bearer" || scheme === "dpop");
    if (!bearer) return undefined;
    const { resource_metadata: resourceMetadata, scope, error: code } = bearer.parameters as Record<string, string | undefined>;
    return { resourceMetadata, scope, error: code };
  }
  return undefined;
}
