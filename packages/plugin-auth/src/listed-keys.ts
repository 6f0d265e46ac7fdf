import { nearest } from "mcp-host";
import { changeKeys, writtenKeys } from "./key-file.ts";
import type { Options } from "./options.ts";

/** Where keys are kept: in the config, and in a file. */
export type KeptKeys = Pick<NonNullable<Options["apiKeys"]>, "keys" | "file">;

/** One key, without its digest. */
export interface ListedKey {
  readonly id: string;
  readonly roles: readonly string[];
  readonly expires: string | undefined;
  readonly expired: boolean;
  readonly from: "config" | "file";
}

/** The keys as they are written now. @param folder where a relative path of the file begins @throws ConfigError */
export function listedKeys({ keys, file }: KeptKeys, folder: string, now: number): readonly ListedKey[] {
  const there = file === undefined ? [] : writtenKeys(file, folder);
  const all = [...keys.map((key) => ({ key, from: "config" as const })), ...there.map((key) => ({ key, from: "file" as const }))];
  return all.map(({ key: { id, roles = [], expires }, from }) => ({
    ...{ id, roles, expires, from },
    expired: expires !== undefined && Date.parse(expires) <= now,
  }));
}

/** Takes a key out of the file. @param config what the file of the config is called @throws Error that says which keys it has */
export function revokeKey({ keys, file }: KeptKeys & { readonly file: string }, folder: string, id: string, config: string): void {
  changeKeys(file, folder, (there) => {
    const kept = there.filter((key) => key.id !== id);
    if (kept.length < there.length) return kept;
    if (keys.some((key) => key.id === id))
      throw new Error(`the key of "${id}" is in the config, ${config}; take it out of options.apiKeys.keys there`);
    const ids = there.map((key) => key.id);
    throw new Error(
      `there is no key of "${id}" in ${file}${nearest(id, ids)}; ${ids.length > 0 ? `it has ${ids.join(", ")}` : "it has none"}`,
    );
  });
}
