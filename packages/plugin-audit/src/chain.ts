import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";

/** The last line of a chain: its number, and what the next one says of it. */
export interface Link {
  readonly n: number;
  /** SHA-256 of the line's bytes without its line break, base64url. */
  readonly hash: string;
}

/** Before the first line. */
export const NOTHING: Link = Object.freeze({ n: 0, hash: "" });

export function hashOf(bytes: string | Uint8Array): string {
  return hash("sha256", bytes, "base64url");
}

/** A record as the next line of a chain. @param record a JSON object with at least one field @returns the line, without its line break */
export function nextLine(last: Link, record: string): string {
  return `{"n":${last.n + 1},"prev":"${last.hash}",${record.slice(1)}`;
}

/** Signs heads. Who has only the public key can tell whether a head is genuine, and cannot make one. */
export class Signer {
  readonly #key: KeyObject;
  /** Names the key in heads. */
  readonly id: string;

  /** @param pem an Ed25519 private key, PKCS #8 @throws Error for anything else */
  constructor(pem: string) {
    this.#key = ed25519(() => createPrivateKey(pem), "private");
    this.id = keyId(createPublicKey(this.#key));
  }

  /** The record of a head behind a line: it vouches for everything before it, since that line's hash covers it. @param end whether the log was closed with it */
  head(last: Link, at: string, end: boolean): string {
    const signature = sign(null, signed(last.n + 1, last.hash, at), this.#key).toString("base64url");
    return JSON.stringify({ type: "head", at, key: this.id, signature, ...(end && { end }) });
  }
}

/** What a line of type `head` holds. */
export interface Head {
  readonly n: number;
  readonly prev: string;
  readonly at: string;
  readonly key: string;
  readonly signature: string;
}

/** Tells genuine heads. */
export class HeadCheck {
  readonly #key: KeyObject;
  readonly id: string;

  /** @param pem an Ed25519 key, public or private @throws Error for anything else */
  constructor(pem: string) {
    this.#key = ed25519(() => createPublicKey(pem), "public");
    this.id = keyId(this.#key);
  }

  isGenuine({ n, prev, at, signature }: Head): boolean {
    return verify(null, signed(n, prev, at), this.#key, Buffer.from(signature, "base64url"));
  }
}

/** The bytes that are signed: where in the chain the head stands, what is before it, and when. */
function signed(n: number, prev: string, at: string): Buffer {
  return Buffer.from(`mcp-host audit head 1\n${n}\n${prev}\n${at}`);
}

function keyId(key: KeyObject): string {
  return hashOf(key.export({ type: "spki", format: "der" })).slice(0, 16);
}

function ed25519(make: () => KeyObject, kind: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = make();
  } catch {
    // said below, without what OpenSSL says of a key
  }
  if (key?.asymmetricKeyType !== "ed25519") throw new Error(`is no Ed25519 ${kind} key in PEM form; \`mcp-host audit new-key\` makes one`);
  return key;
}
