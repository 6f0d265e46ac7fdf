import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { VaultProblem } from "./problem.ts";

/** Where the key of a vault is kept. */
export type SourceName = "file" | "passphrase" | "keyring";

/** The first line of a vault, in clear; none of it is secret, and all of it is authenticated with what follows. */
export interface Header {
  readonly format: "mcp-host-vault";
  readonly version: 1;
  readonly id: string;
  readonly source: SourceName;
  /** The age recipient of the data key. */
  readonly recipient: string;
  /** The data key as an age file, in base64. */
  readonly dataKey: string;
  /** The age identity as an age file that a passphrase opens, in base64; only where `source` is that. */
  readonly identity?: string | undefined;
  /** When these keys were made, as ISO 8601. */
  readonly since: string;
}

const NONCE = 12;
const TAG = 16;
/** A header has two short age files in it. */
const LONGEST_HEADER = 16 * 1024;
const NEWLINE = 0x0a;

/** A file as it lies there. */
export interface Sealed {
  readonly header: Header;
  readonly line: Buffer;
  readonly body: Buffer;
}

/**
 * The key of the records. That it is made of the identity, too, is what age alone does not give: whoever knows only the recipient, which is no
 * secret, could write a valid file, and cannot here.
 */
export function recordKey(dataKey: Uint8Array, identity: string): Buffer {
  const salt = createHash("sha256").update(identity).digest();
  return Buffer.from(hkdfSync("sha256", dataKey, salt, "mcp-host-vault 1 records", 32));
}

/** AES-256-GCM. @param about what belongs to it and is not in it: it opens with nothing else */
export function seal(key: Buffer, plain: Buffer | string, about: Buffer | string): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(about));
  return Buffer.concat([nonce, cipher.update(plain as string, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

/** @throws Error where anything of it was changed */
export function unseal(key: Buffer, sealed: Buffer, about: Buffer | string): Buffer {
  if (sealed.length < NONCE + TAG) throw new Error("it is too short");
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE), { authTagLength: TAG }).setAAD(Buffer.from(about));
  decipher.setAuthTag(sealed.subarray(-TAG));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()]);
}

export function lineOf(header: Header): Buffer {
  return Buffer.from(`${JSON.stringify(header)}\n`);
}

/** @throws VaultProblem where it is no vault, or one of a later version */
export function parseSealed(bytes: Buffer, path: string): Sealed {
  const end = bytes.subarray(0, LONGEST_HEADER).indexOf(NEWLINE);
  const header = end === -1 ? undefined : headerIn(bytes.subarray(0, end).toString());
  if (!header) throw damaged(path, "its first line is no header of a vault");
  if (header.version !== 1)
    throw new VaultProblem("refused", `a later version of @host/plugin-vault wrote ${path}; update the plugin, or name another folder`);
  return { header, line: bytes.subarray(0, end + 1), body: bytes.subarray(end + 1) };
}

function headerIn(text: string): Header | undefined {
  try {
    const header = JSON.parse(text) as Partial<Header> | null;
    const texts = [header?.id, header?.recipient, header?.dataKey, header?.source];
    return header?.format === "mcp-host-vault" && texts.every((each) => typeof each === "string") ? (header as Header) : undefined; // the rest is authenticated
  } catch {
    return undefined;
  }
}

export function damaged(path: string, why: string, cause?: unknown): VaultProblem {
  return new VaultProblem(
    "damaged",
    `the vault ${path} is damaged: ${why}; put a copy of it in its place. It is left as it is, and nothing is written to it`,
    cause,
  );
}
