import { createHash, randomBytes, randomUUID } from "node:crypto";
import { type BigIntStats, readdirSync, rmSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { type Document, decode, encode } from "./document.ts";
import type { KeySource } from "./key-source.ts";
import { reasonOf, VaultProblem } from "./problem.ts";
import { DRAFT, ownFile, ownFolder, writeOwn } from "./safe-files.ts";
import { damaged, type Header, lineOf, parseSealed, recordKey, seal, unseal } from "./sealed.ts";

/** Bytes of a vault: all of it is written with each change. */
const LARGEST = 16 * 1024 ** 2;
/** Milliseconds after which nobody is still at a file that is being written. */
const DRAFT_LIFE = 60_000;

/** The keys of a vault, opened. */
export interface Keys {
  readonly header: Header;
  readonly key: Buffer;
  readonly identity: string;
}

/** What was read, or is to be written. */
export interface Opened {
  readonly keys: Keys;
  readonly document: Document;
}

/** The file of a vault: how it is read, opened, written and given other keys. Whoever writes has the lock. */
export class VaultFile {
  readonly path: string;
  source: KeySource;
  /** The keys that were used last: opening them anew may take a second. */
  #keys: Keys | undefined;
  #stamp: string | undefined;
  #document: Document | undefined;

  constructor(folder: string, source: KeySource) {
    this.path = join(folder, "vault");
    this.source = source;
  }

  /** A text that changes whenever the file does; undefined where there is none. */
  stamp(): string | undefined {
    return stampOf(statSync(this.path, { bigint: true, throwIfNoEntry: false }));
  }

  /** What is in the file now; undefined where there is none. It is read anew only where it changed. @throws VaultProblem */
  async read(): Promise<Opened | undefined> {
    const stamp = this.stamp();
    if (stamp === undefined) return undefined;
    if (stamp === this.#stamp && this.#document && this.#keys) return { keys: this.#keys, document: this.#document };
    ownFolder(dirname(this.path));
    const stat = ownFile(this.path);
    if (stat && stat.size > 2 * LARGEST) throw damaged(this.path, "it is larger than any vault");
    const bytes = await readFile(this.path);
    const { header, line, body } = parseSealed(bytes, this.path);
    const keys = await this.#open(header);
    let document: Document;
    try {
      document = decode(unseal(keys.key, body, line).toString());
    } catch (error) {
      throw damaged(this.path, `its records do not fit its keys (${reasonOf(error)})`, error);
    }
    this.#remember(keys, document, stamp);
    return { keys, document };
  }

  #remember(keys: Keys, document: Document, stamp: string | undefined): void {
    this.#keys = keys;
    this.#document = document;
    this.#stamp = stamp;
  }

  /** Nothing is remembered of what was read: it may not be so. */
  forget(): void {
    this.#stamp = undefined;
    this.#document = undefined;
  }

  async #open(header: Header): Promise<Keys> {
    if (this.#keys?.header.dataKey === header.dataKey && this.#keys.header.identity === header.identity) return { ...this.#keys, header };
    const { name, place } = this.source;
    if (header.source !== name)
      throw new VaultProblem(
        "locked",
        `the key of the vault ${this.path} is kept in "${header.source}", and the config says "key": "${name}"; say "${header.source}" there, or move the key with \`mcp-host secret rotate --to ${name}\` while the config still does`,
      );
    const identities = await this.source.read(header);
    if (identities.length === 0)
      throw new VaultProblem(
        "locked",
        `${place} is not there, which opens the vault ${this.path}; put it back. Where it is lost, so is what the vault holds: move the vault away, and give the secrets anew`,
      );
    for (const identity of identities) {
      if ((await identityToRecipient(identity).catch(() => "")) !== header.recipient) continue;
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      try {
        const dataKey = await decrypter.decrypt(Buffer.from(header.dataKey, "base64"));
        return { header, identity, key: recordKey(dataKey, identity) };
      } catch (error) {
        throw damaged(this.path, `its data key cannot be opened (${reasonOf(error)})`, error);
      }
    }
    throw new VaultProblem("locked", `${place} has another key than that of the vault ${this.path}; put the right one there`);
  }

  /** Keys for a vault that is not there yet: the identity of its source, made where there is none. */
  async begin(): Promise<Opened> {
    const known = await this.source.read(undefined);
    const identity = known[0] ?? (await generateX25519Identity());
    const kept = known.length === 0 || this.source.name === "passphrase" ? await this.source.write([identity]) : {};
    const keys = await this.#makeKeys(this.source, identity, randomUUID(), kept);
    return { keys, document: { generation: 0, liveKey: randomBytes(32).toString("base64"), stores: new Map() } };
  }

  async #makeKeys(source: KeySource, identity: string, id: string, kept: Pick<Header, "identity">): Promise<Keys> {
    const dataKey = randomBytes(32);
    const recipient = await identityToRecipient(identity);
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    const wrapped = Buffer.from(await encrypter.encrypt(dataKey)).toString("base64");
    const since = new Date().toISOString();
    const header: Header = { format: "mcp-host-vault", version: 1, id, source: source.name, recipient, dataKey: wrapped, ...kept, since };
    return { header, identity, key: recordKey(dataKey, identity) };
  }

  /**
   * Puts a document in the place of what is there.
   * @param mayReplace whether the lock is still had @throws VaultProblem, or Error of the system; then the file is as it was
   */
  async write({ keys, document }: Opened, mayReplace: () => boolean): Promise<void> {
    const line = lineOf(keys.header);
    const text = encode(document);
    if (text.length > LARGEST)
      throw new VaultProblem("refused", `the vault ${this.path} would have more than ${LARGEST / 1024 ** 2} MB; remove what is not needed`);
    await writeOwn(this.path, Buffer.concat([line, seal(keys.key, text, line)]), { lasting: true, mayReplace });
    this.#remember(keys, document, this.stamp());
  }

  /**
   * Gives the vault another identity and another data key. Whenever that is interrupted, what is there can be opened: the source has both
   * identities until the vault has the new one.
   * @param to where the new identity is kept
   */
  async rotate({ keys, document }: Opened, to: KeySource, mayReplace: () => boolean): Promise<Keys> {
    const identity = await generateX25519Identity();
    const same = to.name === this.source.name && to.place === this.source.place;
    // What else is there may open another vault.
    const others = to.name === "passphrase" ? [] : (await to.read(undefined)).filter((each) => each !== keys.identity);
    const before = same && to.name !== "passphrase" ? [keys.identity] : [];
    const kept = await to.write([identity, ...before, ...others]);
    const next = await this.#makeKeys(to, identity, keys.header.id, kept);
    document.generation++;
    await this.write({ keys: next, document }, mayReplace);
    if (before.length > 0) await to.write([identity, ...others]);
    this.source = to;
    return next;
  }

  /** Removes what writers left that were killed. */
  tidy(): void {
    const folder = dirname(this.path);
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(`${basename(this.path)}.`) || !name.endsWith(DRAFT)) continue;
      const path = join(folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat && Date.now() - stat.mtimeMs > DRAFT_LIFE) rmSync(path, { force: true });
    }
  }
}

export function stampOf(stat: BigIntStats | undefined): string | undefined {
  return stat && `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}

/** Tells one content from another without keeping it. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
