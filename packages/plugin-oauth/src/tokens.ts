import {
  type AuthorizationServer,
  authorizationCodeGrantRequest,
  type Client,
  clientCredentialsGrantRequest,
  type DeviceAuthorizationResponse,
  deviceAuthorizationRequest,
  deviceCodeGrantRequest,
  genericTokenEndpointRequest,
  OperationProcessingError,
  processAuthorizationCodeResponse,
  processClientCredentialsResponse,
  processDeviceAuthorizationResponse,
  processDeviceCodeResponse,
  processGenericTokenEndpointResponse,
  processRefreshTokenResponse,
  processRevocationResponse,
  ResponseBodyError,
  refreshTokenGrantRequest,
  revocationRequest,
  type TokenEndpointResponse,
  WWWAuthenticateChallengeError,
} from "oauth4webapi";
import { authOf, requestOptions } from "./clients.ts";
import { type Egress, shown } from "./egress.ts";
import type { ServerOptions } from "./options.ts";
import { SignInProblem } from "./problem.ts";
import type { FirstGrant, Grant, Pending } from "./records.ts";

const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE = "urn:ietf:params:oauth:token-type:";
/** Longest token that is taken. */
const MAX_TOKEN = 16 * 1024;

/** The requests to token endpoints. Whatever comes of them is a {@link SignInProblem} without secrets. */
export class Tokens {
  readonly #egress: Egress;

  constructor(egress: Egress) {
    this.#egress = egress;
  }

  /** @param callback parameters that the library has checked */
  async byCode(pending: Pending, callback: URLSearchParams, options: ServerOptions): Promise<TokenEndpointResponse> {
    const { first } = pending;
    const as = serverOf(first);
    const { client, auth } = await authOf(first.client, options);
    const more = parameters(first.resource, options);
    return attempt(as, async () => {
      const response = await authorizationCodeGrantRequest(as, client, auth, callback, pending.redirectUri, pending.verifier, {
        ...requestOptions(this.#egress, first.server),
        additionalParameters: more,
      });
      return processAuthorizationCodeResponse(as, client, await plain(response, options));
    });
  }

  /** What is asked for a code that is entered on another device (RFC 8628 section 3.1). */
  async deviceCode(as: AuthorizationServer, asked: FirstGrant, options: ServerOptions): Promise<DeviceAuthorizationResponse> {
    const { client, auth } = await authOf(asked.client, options);
    const more = new URLSearchParams({
      ...(asked.scopeAsked !== undefined && { scope: asked.scopeAsked }),
      ...(asked.resource !== undefined && { resource: asked.resource }),
      ...options.extraParams.authorize,
    });
    return attempt(as, async () => {
      const response = await deviceAuthorizationRequest(as, client, auth, more, requestOptions(this.#egress, asked.server));
      return processDeviceAuthorizationResponse(as, client, response);
    });
  }

  /** One question whether the code was entered (RFC 8628 section 3.4). */
  async byDeviceCode(asked: FirstGrant, deviceCode: string, options: ServerOptions): Promise<TokenEndpointResponse> {
    const as = serverOf(asked);
    const { client, auth } = await authOf(asked.client, options);
    return attempt(as, async () => {
      const response = await deviceCodeGrantRequest(as, client, auth, deviceCode, {
        ...requestOptions(this.#egress, asked.server),
        additionalParameters: parameters(asked.resource, options),
      });
      return processDeviceCodeResponse(as, client, await plain(response, options));
    });
  }

  async byRefresh(grant: Grant, refreshToken: string, options: ServerOptions): Promise<TokenEndpointResponse> {
    const as = serverOf(grant);
    const { client, auth } = await authOf(grant.client, options);
    const more = parameters(grant.resource, options);
    if (options.refreshScope && grant.scopeAsked !== undefined) more.set("scope", grant.scopeAsked);
    return attempt(as, async () => {
      const response = await refreshTokenGrantRequest(as, client, auth, refreshToken, {
        ...requestOptions(this.#egress, grant.server),
        additionalParameters: more,
      });
      return processRefreshTokenResponse(as, client, await plain(response, options));
    });
  }

  /** A token of the host's own (RFC 6749 section 4.4). */
  async byCredentials(
    as: AuthorizationServer,
    grant: Pick<Grant, "client" | "server" | "resource" | "scopeAsked">,
    options: ServerOptions,
  ): Promise<TokenEndpointResponse> {
    const { client, auth } = await authOf(grant.client, options);
    const more = parameters(grant.resource, options);
    if (grant.scopeAsked !== undefined) more.set("scope", grant.scopeAsked);
    return attempt(as, async () => {
      const response = await clientCredentialsGrantRequest(as, client, auth, more, requestOptions(this.#egress, grant.server));
      return processClientCredentialsResponse(as, client, await plain(response, options));
    });
  }

  /** A token for the caller whose own is given (RFC 8693). The server's own words about scope and audience are the config's. */
  async byExchange(
    as: AuthorizationServer,
    first: Pick<Grant, "client" | "server" | "resource" | "scopeAsked">,
    subject: string,
    options: ServerOptions,
  ): Promise<TokenEndpointResponse> {
    const { client, auth } = await authOf(first.client, options);
    const more = parameters(first.resource, options);
    if (first.scopeAsked !== undefined) more.set("scope", first.scopeAsked);
    more.set("subject_token", subject);
    more.set("subject_token_type", TYPE + options.subjectTokenType);
    return attempt(as, async () => {
      const out = requestOptions(this.#egress, first.server);
      const response = await genericTokenEndpointRequest(as, client, auth, EXCHANGE, more, out);
      const given = await processGenericTokenEndpointResponse(as, client, await plain(response, options));
      const type = given.issued_token_type;
      if (type !== undefined && type !== `${TYPE}access_token` && type !== `${TYPE}jwt`)
        throw new SignInProblem("invalid-answer", `${shown(as.issuer)} exchanged a token for what is no access token`);
      if (given.access_token === subject)
        throw new SignInProblem("invalid-answer", `${shown(as.issuer)} gave a caller's own token back, which is not passed on`);
      return given;
    });
  }

  /** RFC 7009. @throws SignInProblem */
  async revoke(grant: Grant, token: string, hint: "refresh_token" | "access_token", options: ServerOptions): Promise<void> {
    const as = { ...serverOf(grant), revocation_endpoint: grant.revocationEndpoint as string }; // asked for only where there is one
    const { client, auth } = await authOf(grant.client, options);
    await attempt(as, async () => {
      const more = { additionalParameters: { token_type_hint: hint } };
      return processRevocationResponse(
        await revocationRequest(as, client as Client, auth, token, { ...requestOptions(this.#egress, grant.server), ...more }),
      );
    });
  }
}

function serverOf({ issuer, tokenEndpoint }: Pick<Grant, "issuer" | "tokenEndpoint">): AuthorizationServer {
  return { issuer, token_endpoint: tokenEndpoint };
}

function parameters(resource: string | undefined, { extraParams }: ServerOptions): URLSearchParams {
  return new URLSearchParams({ ...(resource !== undefined && { resource }), ...extraParams.token });
}

/**
 * An answer without its ID token, since nobody asks who it was, and whose flaws would shut out who may use the server. An error
 * that comes with 200, as some have it, is one, and one that comes with a challenge is read all the same.
 */
async function plain(response: Response, { tokenPath }: ServerOptions): Promise<Response> {
  if (response.status !== 200 && !response.headers.has("www-authenticate")) return response;
  const text = await response.clone().text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // As a form, in which some answer whatever they are asked for.
    const form = new URLSearchParams(text);
    if (!form.has("access_token") && !form.has("error")) return response;
    body = Object.fromEntries(form);
  }
  if (typeof body !== "object" || body === null) return response;
  const { id_token: _, ...rest } = { ...(body as Record<string, unknown>), ...insideOf(body, tokenPath) };
  if (response.status !== 200) return typeof rest.error === "string" ? Response.json(rest, { status: response.status }) : response;
  for (const optional of ["expires_in", "refresh_token", "scope"])
    if (rest[optional] === null || rest[optional] === undefined || rest[optional] === "") delete rest[optional];
  return Response.json(rest, { status: typeof rest.error === "string" && rest.access_token === undefined ? 400 : 200 });
}

/** What an answer holds further in: a token, and what is told of it. */
function insideOf(body: object, path: string | undefined): Record<string, unknown> {
  if (path === undefined) return {};
  const names = path.split(".");
  const last = names.pop() as string; // a text has a first part
  let inside: unknown = body;
  for (const name of names) inside = typeof inside === "object" && inside !== null ? (inside as Record<string, unknown>)[name] : undefined;
  if (typeof inside !== "object" || inside === null) return {};
  const { [last]: token, refresh_token, expires_in, scope } = inside as Record<string, unknown>;
  // What type it is called there is a matter of taste; it is used as one of the bearer's.
  return typeof token === "string" ? { access_token: token, token_type: "bearer", refresh_token, expires_in, scope } : {};
}

/** @throws SignInProblem */
async function attempt<T>(as: AuthorizationServer, work: () => Promise<T>): Promise<T> {
  try {
    const given = await work();
    if (given && ((given as unknown as TokenEndpointResponse).access_token ?? "").length > MAX_TOKEN)
      throw new SignInProblem("invalid-answer", `${shown(as.issuer)} gave a token of more than ${MAX_TOKEN} characters`);
    if (given) checkUse(as, given as unknown as TokenEndpointResponse);
    return given;
  } catch (error) {
    throw told(as, error);
  }
}

/** Whether a token can be used: RFC 6749 section 7.1 forbids one of a type that the client does not know. @throws SignInProblem */
function checkUse(as: AuthorizationServer, { token_type: type, access_token: token }: Partial<TokenEndpointResponse>): void {
  if (token === undefined) return; // another answer
  if (type !== "bearer")
    throw new SignInProblem(
      "invalid-answer",
      `${shown(as.issuer)} gave a token of another type than Bearer, which is the one that the host uses`,
    );
  // As no header may hold it (RFC 9110 section 5.5).
  if (!/^[\x21-\x7e]+$/.test(token)) throw new SignInProblem("invalid-answer", `${shown(as.issuer)} gave a token that no header may hold`);
}

/** Codes of RFC 6749 section 5.2 and of others, by which a server is out of order or busy. */
const PASSING = new Set(["temporarily_unavailable", "server_error", "slow_down"]);

function told(as: AuthorizationServer, error: unknown): SignInProblem {
  if (error instanceof SignInProblem) return error;
  const name = shown(as.issuer);
  const response =
    error instanceof ResponseBodyError || error instanceof WWWAuthenticateChallengeError ? error.response : responseIn(error);
  const status = response?.status ?? 0;
  const retryAfter = secondsIn(response?.headers.get("retry-after"));
  const code = error instanceof ResponseBodyError ? error.error.replace(/[^\w.-]/g, "").slice(0, 64) : undefined;
  if (status >= 500 || status === 429 || (code !== undefined && PASSING.has(code)))
    return new SignInProblem("unreachable", `the token endpoint of ${name} answers ${code ?? `HTTP ${status}`}`, {
      code,
      retryAfter,
      cause: error,
    });
  if (code !== undefined) return new SignInProblem("refused", `${name} refuses (${code})`, { code, cause: error });
  // Without a code nobody said that the grant is void: a proxy's page, say.
  if (status >= 400) return new SignInProblem("unreachable", `the token endpoint of ${name} answers HTTP ${status}`, { cause: error });
  return new SignInProblem("invalid-answer", `the token endpoint of ${name} answers what is no token`, { cause: error });
}

function responseIn(error: unknown): Response | undefined {
  return error instanceof OperationProcessingError && error.cause instanceof Response ? error.cause : undefined;
}

function secondsIn(text: string | null | undefined): number | undefined {
  return text && /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : undefined;
}
