import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { isObject, type Json } from "./message.ts";

const CIPHER = "aes-256-gcm";
const NONCE = 12;
const TAG = 16;
/** Longer ones are none of the host's. */
const MOST_CHARACTERS = 256 * 1024;

/** Of the text: a new form of it gets another. */
const FORM = "1";

/** Seals what a client is given to bring back (`requestState`), so that it can neither read nor change nor make it. */
export class Seal {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #newest: string;

  /** @param secrets the first seals, and what was sealed with the others opens, too. Default: a random one, so that nothing sealed outlives the process */
  constructor(secrets: readonly string[] = []) {
    const keys =
      secrets.length > 0 ? secrets.map((secret) => createHash("sha256").update(`mcp-host state ${secret}`).digest()) : [randomBytes(32)];
    this.#keys = new Map(keys.map((key) => [createHash("sha256").update(key).digest("base64url").slice(0, 8), key]));
    this.#newest = [...this.#keys.keys()][0] as string; // there is one
  }

  /** @param about what it is sealed for: it opens for the same alone */
  seal(state: Json, about: string): string {
    const nonce = randomBytes(NONCE);
    const key = this.#keys.get(this.#newest) as Buffer; // it is one of them
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG }).setAAD(Buffer.from(about));
    const bytes = Buffer.concat([nonce, cipher.update(JSON.stringify(state), "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${FORM}.${this.#newest}.${bytes.toString("base64url")}`;
  }

  /** Undefined for what was not sealed with one of its keys for the same. */
  open(sealed: string, about: string): Json | undefined {
    if (sealed.length > MOST_CHARACTERS) return undefined;
    const [form, id = "", text = "", ...others] = sealed.split(".");
    const key = this.#keys.get(id);
    if (form !== FORM || !key || others.length > 0) return undefined;
    const bytes = Buffer.from(text, "base64url");
    // Decoding skips what is no Base64: another text for the same bytes is not what was given out.
    if (bytes.length <= NONCE + TAG || bytes.toString("base64url") !== text) return undefined;
    const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE), { authTagLength: TAG })
      .setAAD(Buffer.from(about))
      .setAuthTag(bytes.subarray(-TAG));
    try {
      const state: unknown = JSON.parse(decipher.update(bytes.subarray(NONCE, -TAG), undefined, "utf8") + decipher.final("utf8"));
      return isObject(state) ? state : undefined;
    } catch {
      return undefined;
    }
  }
}

/** A digest of a JSON value that does not depend on the order of keys. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value, sorted)).digest("base64url");
}

function sorted(_: string, value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
