import { isSafeUrl, registerSecret } from "mcp-host";
import {
  type AuthorizationServer,
  allowInsecureRequests,
  type Client,
  type ClientAuth,
  ClientSecretPost,
  customFetch,
  dynamicClientRegistrationRequest,
  modifyAssertion,
  None,
  PrivateKeyJwt,
  processDynamicClientRegistrationResponse,
  ResponseBodyError,
} from "oauth4webapi";
import { type Egress, shown } from "./egress.ts";
import type { Kept } from "./memory.ts";
import type { AuthMethod, ServerOptions } from "./options.ts";
import { privateKeyOf } from "./private-key.ts";
import { SignInProblem } from "./problem.ts";
import { type ClientRecord, clientKey, refusedKey } from "./records.ts";

export interface Registering {
  readonly as: AuthorizationServer;
  readonly url: string;
  /** Undefined where a code is entered on another device. */
  readonly redirectUri: string | undefined;
  readonly scope: string | undefined;
  readonly options: ServerOptions;
  readonly clientName: string;
  readonly clientMetadataUrl: string | undefined;
}

/**
 * Who the host is to an authorization server, in the order of MCP 2026-07-28: the app that the config names, the document that the
 * config names, or one that it registers itself as, once for each redirect address. @throws SignInProblem that says what to configure
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/authorization/client-registration
 */
export async function clientFor(registering: Registering, store: Kept, egress: Egress, now: () => number): Promise<ClientRecord> {
  const { as, options, redirectUri, clientMetadataUrl } = registering;
  const { issuer } = as;
  const redirects = redirectUri !== undefined && { redirectUri };
  if (options.clientId !== undefined) {
    const method = methodOf(as, options);
    return { issuer, source: "configured", id: options.clientId, method, ...redirects };
  }
  const document: ClientRecord | false = as.client_id_metadata_document_supported === true &&
    clientMetadataUrl !== undefined && {
      issuer,
      source: "document",
      id: clientMetadataUrl,
      method: options.privateKey === undefined ? "none" : "private_key_jwt",
      ...redirects,
    };
  const canRegister = registers(as, options);
  if (document && !(canRegister && (await store.get(refusedKey(issuer, document.id, redirectUri))) === true)) return document;
  if (canRegister) {
    const key = clientKey(issuer, redirectUri);
    const kept = (await store.get(key)) as ClientRecord | undefined; // written below
    if (kept && (kept.secretExpires === undefined || now() < kept.secretExpires)) return kept;
    const made = await register(registering, egress);
    await store.set(key, made); // before the browser opens: it is there, whatever becomes of us
    return made;
  }
  throw new SignInProblem("needs-client", `${shown(issuer)} takes no client that registers itself; ${byHand(redirectUri)}`);
}

function registers({ registration_endpoint: endpoint }: AuthorizationServer, { registration }: ServerOptions): boolean {
  return typeof endpoint === "string" && registration;
}

/** Milliseconds for which it is remembered that a server refuses the document. */
const WEEK = 604_800_000;
/** Codes by which a server says that it takes the client for none. */
const UNKNOWN = new Set<string | undefined>(["invalid_client", "unauthorized_client"]);

/**
 * Notes that a server refuses the client ID metadata document, where that is what an error says: whoever asks {@link clientFor} next
 * is given one that registered itself, where the server takes such. @returns whether it is
 */
export async function noteRefusal(
  { source, issuer, id, redirectUri }: ClientRecord,
  code: string | undefined,
  store: Kept,
): Promise<boolean> {
  if (source !== "document" || !UNKNOWN.has(code)) return false;
  await store.set(refusedKey(issuer, id, redirectUri), true, WEEK);
  return true;
}

/**
 * Looks whether a server takes the client ID metadata document, before a browser is sent off that would not come back: a server that does not
 * know a client shows its person an error and nobody else. Only where the host could register itself in its place.
 */
export async function isTaken(client: ClientRecord, page: string, { as, options, url }: Registering, egress: Egress): Promise<boolean> {
  if (client.source !== "document" || !registers(as, options)) return true;
  try {
    const { status, headers } = await egress.for(url)(page, { method: "GET", redirect: "manual", headers: { accept: "text/html" } });
    const location = headers.get("location");
    const error = location !== null && URL.canParse(location, page) ? new URL(location, page).searchParams.get("error") : null;
    return status !== 400 && status !== 401 && status !== 403 && !UNKNOWN.has(error ?? undefined);
  } catch {
    return true; // the browser will see
  }
}

/** How an app that the config names says who it is. */
export function methodOf(as: AuthorizationServer, { tokenEndpointAuthMethod, privateKey, clientSecret }: ServerOptions): AuthMethod {
  if (tokenEndpointAuthMethod !== undefined) return tokenEndpointAuthMethod;
  if (privateKey !== undefined) return "private_key_jwt";
  if (clientSecret === undefined) return "none";
  const taken = as.token_endpoint_auth_methods_supported;
  // RFC 8414 section 2: `client_secret_basic` where it says nothing.
  return taken === undefined || taken.includes("client_secret_basic") ? "client_secret_basic" : "client_secret_post";
}

/** What is left to do. */
function byHand(redirectUri: string | undefined): string {
  const what = redirectUri === undefined ? "for codes that are entered on another device" : `with the redirect address ${redirectUri}`;
  return `register an app there ${what}, and set its \`clientId\``;
}

/** What a registration is refused with for its redirect address (RFC 7591 section 3.2.2). */
export const WRONG_REDIRECT = "invalid_redirect_uri";
const DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code";

async function register(registering: Registering, egress: Egress): Promise<ClientRecord> {
  const { as, url, redirectUri, scope, clientName } = registering;
  const taken = as.token_endpoint_auth_methods_supported;
  const method =
    taken === undefined || taken.includes("none")
      ? "none"
      : taken.includes("client_secret_basic")
        ? "client_secret_basic"
        : "client_secret_post";
  const isHere = redirectUri === undefined || new URL(redirectUri).protocol === "http:";
  // Nothing else: there are servers that refuse what they do not know.
  const metadata = {
    client_name: clientName,
    ...(redirectUri === undefined
      ? { grant_types: [DEVICE_CODE, "refresh_token"], response_types: [] }
      : { redirect_uris: [redirectUri], grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] }),
    token_endpoint_auth_method: method,
    application_type: isHere ? "native" : "web",
  };
  const ask = async (body: typeof metadata & { scope?: string }): Promise<ClientRecord> => {
    const response = await dynamicClientRegistrationRequest(as, body, requestOptions(egress, url));
    const given = await processDynamicClientRegistrationResponse(await withExpiry(response));
    const secret = typeof given.client_secret === "string" ? given.client_secret : undefined;
    if (secret !== undefined) registerSecret(secret);
    const said = given.token_endpoint_auth_method;
    // A secret where none was asked for is there to be used.
    const used = isMethod(said) && (said !== "none" || secret === undefined) ? said : secret === undefined ? method : "client_secret_post";
    const redirects = given.redirect_uris;
    if (redirectUri !== undefined && Array.isArray(redirects) && !redirects.includes(redirectUri))
      throw new SignInProblem(
        "registration-refused",
        `${shown(as.issuer)} registered the host with another redirect address than ${redirectUri}; register an app by hand, and set its \`clientId\``,
      );
    const expires = given.client_secret_expires_at;
    return {
      issuer: as.issuer,
      source: "registered",
      id: given.client_id,
      method: used,
      ...(redirectUri !== undefined && { redirectUri }),
      ...(secret !== undefined && { secret }),
      ...(typeof expires === "number" && expires > 0 && { secretExpires: expires * 1_000 }),
      ...registrationIn(given),
    };
  };
  try {
    try {
      return await ask({ ...metadata, ...(scope !== undefined && { scope }) });
    } catch (error) {
      // Some refuse scopes at registration that they give all the same.
      const mayBeScope = error instanceof ResponseBodyError && error.status === 400 && error.error !== WRONG_REDIRECT;
      if (scope !== undefined && mayBeScope) return await ask(metadata);
      throw error;
    }
  } catch (error) {
    if (error instanceof SignInProblem) throw error;
    const code = error instanceof ResponseBodyError ? error.error : undefined;
    throw new SignInProblem(
      "registration-refused",
      `${shown(as.issuer)} does not let the host register itself${code === undefined ? "" : ` (${code.slice(0, 64)})`}; ${byHand(redirectUri)}`,
      { code, cause: error },
    );
  }
}

function registrationIn({ registration_client_uri: uri, registration_access_token: token }: Partial<Record<string, unknown>>) {
  if (typeof uri !== "string" || typeof token !== "string" || !isSafeUrl(uri)) return {};
  registerSecret(token);
  return { registration: { uri, token } };
}

function isMethod(said: unknown): said is AuthMethod {
  return said === "none" || said === "client_secret_basic" || said === "client_secret_post";
}

/** Some leave out when a secret expires, which RFC 7591 demands and the library insists on. */
async function withExpiry(response: Response): Promise<Response> {
  if (response.status !== 201 && response.status !== 200) return response;
  try {
    const body = (await response.clone().json()) as Record<string, unknown> | null;
    if (typeof body !== "object" || body === null) return response;
    const given =
      typeof body.client_secret === "string" && typeof body.client_secret_expires_at !== "number"
        ? { ...body, client_secret_expires_at: 0 }
        : body;
    return Response.json(given, { status: 201 });
  } catch {
    return response; // told as what it is
  }
}

/** How a request of the library's is made for a server's sake; what is insecure the way out itself refuses. */
export function requestOptions(egress: Egress, url: string): { [customFetch]: ReturnType<Egress["for"]>; [allowInsecureRequests]: true } {
  return { [customFetch]: egress.for(url), [allowInsecureRequests]: true };
}

/** A client as the library has it, and how it says who it is. @throws SignInProblem where the config lacks what that needs */
export async function authOf(record: ClientRecord, options: ServerOptions): Promise<{ client: Client; auth: ClientAuth }> {
  const client: Client = { client_id: record.id };
  const secret = record.source === "configured" ? options.clientSecret : record.secret;
  switch (record.method) {
    case "none":
      return { client, auth: None() };
    case "private_key_jwt": {
      if (options.privateKey === undefined) throw new SignInProblem("needs-client", "`privateKey` is not configured");
      const key = await privateKeyOf(options.privateKey, options.algorithm);
      const { assertionAudience } = options;
      const change =
        assertionAudience === undefined
          ? undefined
          : { [modifyAssertion]: (_: unknown, payload: Record<string, unknown>) => void (payload.aud = assertionAudience) };
      return { client, auth: PrivateKeyJwt({ key, ...(options.keyId !== undefined && { kid: options.keyId }) }, change) };
    }
    default:
      if (secret === undefined) throw new SignInProblem("needs-client", "`clientSecret` is not configured");
      return { client, auth: record.method === "client_secret_basic" ? basic(secret) : ClientSecretPost(secret) };
  }
}

/** RFC 6749 section 2.3.1. The library's own encodes `-` and `_`, too, which servers that compare what they are sent do not take. */
function basic(secret: string): ClientAuth {
  const encoded = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1);
  return (_as, client, _body, headers) => {
    const value = Buffer.from(`${encoded(client.client_id)}:${encoded(secret)}`).toString("base64");
    registerSecret(value);
    headers.set("authorization", `Basic ${value}`);
  };
}
