import { createHash } from "node:crypto";
import type { AuthMethod } from "./options.ts";

/** Who an authorization server takes the host for. */
export interface ClientRecord {
  readonly issuer: string;
  readonly source: "configured" | "document" | "registered";
  readonly id: string;
  /** Of one that registered itself; a configured one's stays in the config. */
  readonly secret?: string;
  /** Milliseconds since 1970. */
  readonly secretExpires?: number;
  readonly method: AuthMethod;
  readonly redirectUri?: string;
  /** Where, and with what, one that registered itself is taken back (RFC 7592). */
  readonly registration?: { readonly uri: string; readonly token: string };
}

/** What somebody signed in to, and with what. */
export interface Grant {
  readonly server: string;
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint?: string;
  readonly client: ClientRecord;
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** Milliseconds since 1970, by this machine's clock when it came; absent where the server did not say. */
  readonly expires?: number;
  readonly obtained: number;
  readonly scopeAsked?: string;
  readonly scopeGranted?: string;
  readonly resource?: string;
  /** Counts up with every token. */
  readonly generation: number;
  /** Why it is of no use any more, and since when. */
  readonly dead?: { readonly why: string; readonly at: number };
}

/** What is known of a grant before there is one. */
export type FirstGrant = Pick<Grant, "server" | "issuer" | "tokenEndpoint" | "revocationEndpoint" | "client" | "resource" | "scopeAsked">;

/** A sign-in that a browser is on its way with. Kept under the digest of its `state`, until it is over or ten minutes have passed. */
export interface Pending {
  /** Key in `mcpServers`. */
  readonly server: string;
  readonly who: string;
  readonly by: "command" | "page";
  readonly first: FirstGrant;
  readonly issRequired: boolean;
  readonly verifier: string;
  readonly redirectUri: string;
  /** Digest of the cookie of the browser that it was begun in, where it was begun in one. */
  readonly browser?: string;
}

/** Milliseconds that a sign-in may take. */
export const PATIENCE = 600_000;

/** The host's own sign-in, as `who` has it. */
export const HOST = "host";

export function whoOf(principal: string): string {
  return `principal:${principal}`;
}

/** Keys of a store may be read by others, and have a length. */
export function digest(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}

/** A grant belongs to who signed in, at which address, with which account: not to what the config calls the server. */
export function grantKey(who: string, url: string, account: string): string {
  return `grant:${digest(who, url, account)}`;
}

export function pendingKey(state: string): string {
  return `pending:${digest(state)}`;
}

/** @param redirectUri undefined: of one that codes are entered for on another device, which nobody is sent back to */
export function clientKey(issuer: string, redirectUri: string | undefined): string {
  return `client:${digest(issuer, redirectUri ?? "device")}`;
}

/** Which grants a client that registered itself has. */
export function usersKey({ issuer, id }: ClientRecord): string {
  return `users:${digest(issuer, id)}`;
}

/** That a server refuses the client ID metadata document. */
export function refusedKey(issuer: string, document: string, redirectUri: string | undefined): string {
  return `refused:${digest(issuer, document, redirectUri ?? "device")}`;
}
