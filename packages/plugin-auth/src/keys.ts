import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError, type Principal, registerSecretShape } from "mcp-host";
import { z } from "zod";
import type { ApiKey } from "./options.ts";
import { apiKey } from "./options.ts";

/** What every key begins with, so that people and scanners know one when they see it. */
export const PREFIX = "mcph_";
/** What the id of a key's principal begins with. */
export const OWNER = "key:";
// An id, "_" and 43 characters.
registerSecretShape(PREFIX, /\bmcph_[\w.-]{44,}[\w-]/g);
/** Characters of 32 random bytes in base64url. */
const SECRET = 43;
const FILE_BYTES = 1024 * 1024;

/** A new key and what the config keeps of it. The key itself is nowhere else. */
export function newKey(id: string, pepper: string): { key: string; digest: string } {
  const key = `${PREFIX}${id}_${randomBytes(32).toString("base64url")}`;
  return { key, digest: digestOf(key, pepper).toString("base64url") };
}

function digestOf(key: string, pepper: string): Buffer {
  return createHmac("sha256", pepper).update(key).digest();
}

interface Known {
  readonly digest: Buffer;
  readonly principal: Principal;
  readonly expires: number;
}

/** The API keys that are accepted, by their digests. */
export class ApiKeys {
  readonly #pepper: string;
  readonly #known = new Map<string, Known>();

  /** @param claims of an entry that a session has to know */
  constructor(pepper: string, keys: readonly ApiKey[]) {
    this.#pepper = pepper;
    for (const { id, digest, roles, claims, expires } of keys) {
      const principal: Principal = Object.freeze({ id: `${OWNER}${id}`, roles, claims });
      const until = expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires);
      this.#known.set(id, { digest: Buffer.from(digest, "base64url"), principal, expires: until });
    }
  }

  get ids(): readonly string[] {
    return [...this.#known.keys()];
  }

  get size(): number {
    return this.#known.size;
  }

  /** Whose key it is, `"expired"`, or undefined for one that is unknown. */
  find(key: string): Principal | "expired" | undefined {
    const given = digestOf(key, this.#pepper);
    const known = this.#known.get(key.slice(PREFIX.length, -SECRET - 1));
    // An unknown id takes as long as a wrong secret.
    if (!timingSafeEqual(given, known?.digest ?? NOBODY) || !known) return undefined;
    return Date.now() < known.expires ? known.principal : "expired";
  }
}

const NOBODY = randomBytes(32);

/** Keys in a file of their own: a JSON list of what `keys` in the config holds. @throws ConfigError */
export function readKeys(file: string, folder: string): readonly ApiKey[] {
  const path = resolve(folder, file);
  const fail = (what: string): never => {
    throw new ConfigError([`plugin "auth": options.apiKeys.file: ${path} ${what}`]);
  };
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) return fail("is no file; `mcp-host auth keys add` makes it with the first key");
  if (process.platform !== "win32" && (stat.mode & 0o022) !== 0) fail(`can be written by others; run \`chmod go-w ${path}\``);
  if (stat.size > FILE_BYTES) fail(`is larger than ${FILE_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    fail("is not valid JSON");
  }
  const parsed = z.array(apiKey).safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return fail(`holds no list of keys: ${issue?.path.join(".") || "it"}: ${issue?.message}`);
}
