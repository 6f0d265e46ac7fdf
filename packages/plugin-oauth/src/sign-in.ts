import { type Counter, isSafeUrl, registerSecret } from "mcp-host";
import {
  AuthorizationResponseError,
  calculatePKCECodeChallenge,
  generateRandomCodeVerifier,
  generateRandomState,
  validateAuthResponse,
} from "oauth4webapi";
import type { Challenge } from "./challenge.ts";
import { clientFor, isTaken, noteRefusal } from "./clients.ts";
import { discover, type Found } from "./discovery.ts";
import { type Egress, shown } from "./egress.ts";
import type { Grants, Owner } from "./grants.ts";
import type { Kept } from "./memory.ts";
import type { Options, ServerOptions } from "./options.ts";
import { SignInProblem } from "./problem.ts";
import { type ClientRecord, clientKey, type FirstGrant, type Grant, PATIENCE, type Pending, pendingKey } from "./records.ts";
import type { Tokens } from "./tokens.ts";

export interface SignInOptions {
  readonly options: Options;
  readonly store: () => Kept;
  readonly egress: Egress;
  readonly tokens: Tokens;
  readonly grants: Grants;
  readonly now: () => number;
  readonly outcomes: Counter;
}

export interface Begin extends Owner {
  /** Key in `mcpServers`. */
  readonly server: string;
  readonly by: Pending["by"];
  readonly redirectUri: string;
  readonly challenge: Challenge | undefined;
  /** What is asked for whatever else is said: the union that a server wants for more than it let us do. */
  readonly stepUp: readonly string[] | undefined;
  /** As of {@link Pending}. */
  readonly browser?: string;
}

/** A browser's way through an authorization server: what it is sent off with, and what it comes back with. */
export class SignIns {
  readonly #options: SignInOptions;

  constructor(options: SignInOptions) {
    this.#options = options;
  }

  /**
   * Where the browser is to go, and the state that it comes back with.
   * @returns with whether the server gives codes to enter on another device, too @throws SignInProblem
   */
  async begin(begin: Begin): Promise<{ url: string; state: string; issuer: string; takesCodes: boolean }> {
    const { store, egress, now, options: all } = this.#options;
    const { server, who, url, options, by, redirectUri, challenge } = begin;
    const grant = (await this.#options.grants.get(begin)) as Grant | undefined;
    const found = await discover({ url, options, challenge, ...(grant && { known: [grant.issuer] }) }, egress);
    const { as, resource } = found;
    if (grant && grant.issuer !== as.issuer && grant.client.source === "configured")
      throw new SignInProblem(
        "issuer-changed",
        `${shown(url)} names ${shown(as.issuer)} now, and the \`clientId\` in the config is one of ${shown(grant.issuer)}; set \`issuer\` to the one that it belongs to`,
      );
    const scope = scopeOf(found, begin);
    const registering = { as, url, redirectUri, scope, options, clientName: all.clientName, clientMetadataUrl: documentOf(options, all) };
    let client = await clientFor(registering, store(), egress, now);
    const [verifier, state] = [generateRandomCodeVerifier(), generateRandomState()];
    registerSecret(verifier);
    const target = new URL(as.authorization_endpoint as string); // as above; its own query stays
    const asked = {
      response_type: "code",
      client_id: client.id,
      redirect_uri: redirectUri,
      ...(scope !== undefined && { scope }),
      state,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...(resource !== undefined && { resource }),
      // OpenID Connect Core section 11: without it there is no refresh token.
      ...(scope?.split(" ").includes("offline_access") && { prompt: "consent" }),
      ...options.extraParams.authorize,
    };
    for (const [name, value] of Object.entries(asked)) target.searchParams.set(name, value);
    if (!(await isTaken(client, target.href, registering, egress))) {
      await noteRefusal(client, "invalid_client", store());
      client = await clientFor(registering, store(), egress, now);
      target.searchParams.set("client_id", client.id);
    }
    const pending: Pending = {
      first: firstOf({ url, as, client, resource, scope }),
      server,
      who,
      by,
      issRequired: as.authorization_response_iss_parameter_supported === true,
      verifier,
      redirectUri,
      ...(begin.browser !== undefined && { browser: begin.browser }),
    };
    await store().set(pendingKey(state), pending, PATIENCE);
    const codes = as.device_authorization_endpoint;
    return { url: target.href, state, issuer: as.issuer, takesCodes: typeof codes === "string" && isSafeUrl(codes) };
  }

  /**
   * Takes what a browser came back with; each state counts once.
   * @param begun how, and in which browser, it must have been begun
   * @param ownerOf whose grant it gives, as configured now
   * @throws SignInProblem, in words of our own: what the sender wrote is not shown
   */
  async finish(
    callback: URLSearchParams,
    begun: Pick<Pending, "by" | "browser">,
    ownerOf: (pending: Pending) => Owner | undefined,
  ): Promise<{ pending: Pending; grant: Grant }> {
    const { store, grants, tokens, outcomes } = this.#options;
    const states = callback.getAll("state");
    const [state] = states;
    let pending: Pending | undefined;
    if (states.length === 1 && state)
      await store().update(pendingKey(state), (there) => {
        const kept = there as Pending | undefined; // written above
        pending = kept?.by === begun.by && kept.browser === begun.browser ? kept : undefined;
        return pending ? undefined : there;
      });
    const owner = pending && ownerOf(pending);
    if (!pending || !owner || state === undefined)
      throw new SignInProblem("callback", "this sign-in is not known, is over, or was begun more than ten minutes ago; begin again");
    const outcome = (result: string): void => outcomes.add(1, (pending as Pending).server, result);
    const { first } = pending;
    const as = { issuer: first.issuer, authorization_response_iss_parameter_supported: pending.issRequired };
    let checked: URLSearchParams;
    try {
      checked = validateAuthResponse(as, { client_id: first.client.id }, callback, state);
    } catch (error) {
      outcome("refused");
      if (!(error instanceof AuthorizationResponseError))
        throw new SignInProblem(
          "invalid-answer",
          `the browser did not come back from ${shown(first.issuer)} as it should (RFC 9207), so its code was not used; begin again`,
          { cause: error },
        );
      const code = error.error.replace(/[^\w.-]/g, "").slice(0, 64);
      await noteRefusal(first.client, code, store());
      throw new SignInProblem(
        "refused",
        code === "access_denied" ? "the sign-in was refused" : `${shown(first.issuer)} refuses the sign-in (${code})`,
        { code },
      );
    }
    try {
      const given = await tokens.byCode(pending, checked, owner.options);
      const grant = await grants.keep(owner, first, given);
      outcome("ok");
      return { pending, grant };
    } catch (error) {
      outcome("failed");
      if (error instanceof SignInProblem) await noteRefusal(first.client, error.code, store());
      // One that registered itself may have been forgotten there: the next sign-in registers anew.
      if (error instanceof SignInProblem && error.code === "invalid_client" && first.client.source === "registered")
        await this.forgetClient(first.client);
      throw error;
    }
  }

  /** Has the next sign-in register anew, unless that has been done already. */
  async forgetClient({ issuer, redirectUri, id }: ClientRecord): Promise<void> {
    await this.#options.store().update(clientKey(issuer, redirectUri), (there) => {
      const kept = there as ClientRecord | undefined; // as registration wrote it
      return kept?.id === id ? undefined : kept;
    });
  }
}

/** Where the document of this host is that a server is told of, if there is one for it. */
export function documentOf({ clientMetadataUrl }: ServerOptions, all: Pick<Options, "clientMetadataUrl">): string | undefined {
  return clientMetadataUrl === false ? undefined : (clientMetadataUrl ?? all.clientMetadataUrl);
}

interface Known extends Omit<Found, "scopes"> {
  /** The MCP server's URL. */
  readonly url: string;
  readonly client: ClientRecord;
  readonly scope: string | undefined;
}

/** What a grant begins with. */
export function firstOf({ url, as, client, resource, scope }: Known): FirstGrant {
  const revocation = as.revocation_endpoint;
  return {
    server: url,
    issuer: as.issuer,
    tokenEndpoint: as.token_endpoint as string, // discovery saw to it
    client,
    ...(typeof revocation === "string" && isSafeUrl(revocation) && { revocationEndpoint: revocation }),
    ...(resource !== undefined && { resource }),
    ...(scope !== undefined && { scopeAsked: scope }),
  };
}

/** What is asked for: what the config says, else the challenge, else all that the resource names. */
export function scopeOf(
  { as, scopes }: Pick<Found, "as" | "scopes">,
  { options, challenge, stepUp }: Pick<Begin, "options" | "challenge" | "stepUp">,
): string | undefined {
  const all = new Set([...(stepUp ?? options.scopes ?? splitScope(challenge?.scope) ?? scopes ?? []), ...options.addScopes]);
  // A refresh token is asked for where that has a name; nobody else knows the scope.
  const isKnown = options.grant === "authorization_code" && as.scopes_supported?.includes("offline_access");
  if (isKnown && options.scopes === undefined) all.add("offline_access");
  return all.size > 0 ? [...all].join(" ") : undefined;
}

export function splitScope(scope: string | undefined): string[] | undefined {
  return scope?.split(" ").filter((each) => each !== "");
}
