import { ConfigError } from "mcp-host";
import type { WrittenKey } from "../key-file.ts";
import { newKey } from "../keys.ts";

/** What a new key is to be. */
export const keyArgs = {
  roles: { type: "string", description: "Its roles, separated by commas", valueHint: "a,b" },
  expires: { type: "string", description: "When it ends", valueHint: "2030-01-31T00:00:00Z" },
} as const;

export interface KeyFlags {
  readonly roles?: string | undefined;
  readonly expires?: string | undefined;
}

/** A new key, and what is kept of it. @throws ConfigError @param flag how the id is given */
export function madeKey(id: string, flag: string, { roles = "", expires }: KeyFlags, pepper: string): { key: string; entry: WrittenKey } {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(id)) throw new ConfigError([`${flag}: must be 1 to 64 of A-Z a-z 0-9 . _ -`]);
  if (expires !== undefined && Number.isNaN(Date.parse(expires)))
    throw new ConfigError(["--expires: must be a time such as 2030-01-31T00:00:00Z"]);
  const { key, digest } = newKey(id, pepper);
  const named = roles.split(",").filter((role) => role !== "");
  return { key, entry: { id, digest, roles: named, ...(expires !== undefined && { expires: new Date(expires).toISOString() }) } };
}
