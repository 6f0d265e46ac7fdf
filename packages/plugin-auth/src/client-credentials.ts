import { type Json, registerSecret } from "mcp-host";
import { fetchJson } from "./fetch-json.ts";
import type { Credential } from "./options.ts";
import { Secrets } from "./secrets.ts";

export type ClientCredentials = Extract<Credential, { from: "client-credentials" }>;

export interface Grant {
  readonly value: string;
  /** In milliseconds since 1970; undefined where the server did not say. */
  readonly expires: number | undefined;
}

/** Tokens are renewed this long before they expire, or at half of a shorter life. */
const EARLY = 30_000;
const MAX_TOKEN = 16 * 1024;
/** Tokens that logs are kept clean of: the last one may be in use still. */
const KEPT = 3;

/** A token of the host's own for one upstream (RFC 6749 section 4.4). Kept until it expires or is refused; asked for once at a time. */
export class TokenSource {
  readonly #options: ClientCredentials;
  readonly #fetched: (error: Error | undefined) => void;
  readonly #secrets = new Secrets(KEPT);
  #grant: Grant | undefined;
  #fetching: Promise<Grant> | undefined;

  /** @param fetched told of every try */
  constructor(options: ClientCredentials, fetched: (error: Error | undefined) => void) {
    this.#options = options;
    this.#fetched = fetched;
  }

  /** @param refused whether the upstream does not take the last one (any more) @throws Error without secrets */
  get(refused: boolean): Promise<Grant> {
    const kept = this.#grant;
    if (kept && !refused && (kept.expires === undefined || Date.now() < kept.expires)) return Promise.resolve(kept);
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  forget(): void {
    this.#grant = undefined;
    this.#secrets.clear();
  }

  async #fetch(): Promise<Grant> {
    try {
      this.#grant = await this.#request();
      this.#fetched(undefined);
      return this.#grant;
    } catch (error) {
      const told = error instanceof Error ? error : new Error(String(error));
      this.#fetched(told);
      throw told;
    }
  }

  async #request(): Promise<Grant> {
    const { tokenUrl, clientId, clientSecret, authentication, scope, resource, audience, timeout } = this.#options;
    const form = new URLSearchParams({ grant_type: "client_credentials" });
    for (const [name, value] of Object.entries({ scope, resource, audience })) if (value !== undefined) form.set(name, value);
    const headers: Record<string, string> = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
    if (authentication === "basic") headers.authorization = `Basic ${basic(clientId, clientSecret)}`;
    else {
      form.set("client_id", clientId);
      form.set("client_secret", clientSecret);
    }
    const asked = Date.now();
    const { status, body } = await fetchJson(tokenUrl, timeout, { method: "POST", headers, body: form.toString() });
    if (status !== 200) throw new Error(`the token endpoint answered HTTP ${status}${errorCode(body)}`);
    const { access_token: value, token_type: type, expires_in: seconds } = body;
    if (typeof value !== "string" || value === "" || value.length > MAX_TOKEN) throw new Error("the token endpoint gave no access_token");
    if (typeof type === "string" && type.toLowerCase() !== "bearer")
      throw new Error("the token endpoint gave a token of another type than Bearer");
    this.#secrets.keep(value);
    if (typeof seconds !== "number" || !(seconds > 0)) return { value, expires: undefined };
    const life = seconds * 1000;
    return { value, expires: asked + Math.max(life - EARLY, life / 2) };
  }
}

/** RFC 6749 section 2.3.1: both parts are form-encoded first. */
function basic(id: string, secret: string): string {
  const encode = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1);
  const value = Buffer.from(`${encode(id)}:${encode(secret)}`).toString("base64");
  registerSecret(value);
  return value;
}

/** The error code of RFC 6749 section 5.2, if it is one. */
function errorCode({ error }: Json): string {
  return typeof error === "string" && /^[a-z_]{1,40}$/.test(error) ? ` (${error})` : "";
}
