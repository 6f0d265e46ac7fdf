import type { Kind } from "../../fixtures/eras.mjs";

export type Era = "legacy" | "modern";
export type ClientKind = "v1" | "pinned" | "auto";
export type Front = "http" | "stdio" | "websocket";
export type Outcome = "works" | "refused" | "nothing";

/** A server behind the host, under the key that the config has for it. */
export interface Server {
  readonly key: string;
  readonly kind: Kind;
  readonly wire: "http" | "stdio";
}

export const CLIENTS: Record<ClientKind, { title: string; era: Era }>;
export const FRONTS: Record<Front, { title: string; eras: Era[] }>;
export const SETS: Record<string, Server[]>;
export const OPERATIONS: Record<string, string>;
export const DEVIATIONS: { operations: string[]; outcome: Outcome; reason: string }[];
/** Undefined where they have none in common. */
export function eraOf(client: ClientKind, front: Front): Era | undefined;
export function notFound(cell: { client: ClientKind; server: Server; isAlone: boolean }): number;
export function expected(
  operation: string,
  cell: { client: ClientKind; front: Front; server: Server },
): { outcome: Outcome; reason?: string };
