import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { Decrypter, Encrypter, identityToRecipient } from "age-encryption";
import { reasonOf, VaultProblem } from "./problem.ts";
import { ownFile, ownFolder, writeOwn } from "./safe-files.ts";
import { ScryptPassphrase, WORK_FACTOR } from "./scrypt.ts";
import type { Header, SourceName } from "./sealed.ts";

/** Where the age identity is kept that opens a vault. */
export interface KeySource {
  readonly name: SourceName;
  /** In words, for people. */
  readonly place: string;
  /**
   * The identities that are there; of a rotation that was interrupted, two.
   * @param header of the vault that is to be opened
   * @throws VaultProblem where that cannot be told
   */
  read(header: Header | undefined): Promise<readonly string[]>;
  /** Keeps these, and no other. @returns what of it goes into the header @throws VaultProblem */
  write(identities: readonly string[]): Promise<Pick<Header, "identity">>;
}

const IDENTITY = /^AGE-SECRET-KEY-1[0-9A-Z]+$/;
const LARGEST = 64 * 1024;

/** The identities in a text as age's own key files have them: a line each, and comments. */
function identitiesIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => IDENTITY.test(line));
}

/** A file as `age-keygen` writes it, which only its owner may read. */
export class KeyFile implements KeySource {
  readonly name = "file";
  readonly place: string;
  readonly #path: string;
  readonly #mounted: boolean;

  constructor(path: string, mounted = false) {
    this.#path = path;
    this.#mounted = mounted;
    this.place = `the key file ${path}`;
  }

  async read(): Promise<readonly string[]> {
    if (!ownFile(this.#path, this.#mounted)) return [];
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      throw new VaultProblem("locked", `${this.place} cannot be read: ${reasonOf(error)}`, error);
    }
    const identities = text.length > LARGEST ? [] : identitiesIn(text);
    if (identities.length === 0)
      throw new VaultProblem("locked", `there is no age identity in ${this.place}; put the one of the vault there`);
    return identities;
  }

  async write(identities: readonly string[]): Promise<Pick<Header, "identity">> {
    if (this.#mounted)
      throw new VaultProblem(
        "refused",
        `${this.place} is mounted, so nothing is written to it; make a key with \`age-keygen\`, and mount it`,
      );
    ownFolder(dirname(this.#path));
    const recipients = await Promise.all(identities.map((identity) => identityToRecipient(identity)));
    const lines = identities.flatMap((identity, index) => [`# public key: ${recipients[index]}`, identity]);
    const content = ["# The key of mcp-host's vault: without it nothing in there can be read.", ...lines, ""].join("\n");
    const isThere = ownFile(this.#path) !== undefined;
    try {
      await writeOwn(this.#path, content, { lasting: true, fresh: !isThere });
    } catch (error) {
      throw new VaultProblem("locked", `${this.place} cannot be written: ${reasonOf(error)}`, error);
    }
    return {};
  }
}

/** An identity in the vault itself, which a passphrase opens. The passphrase is stretched once in a process for each identity. */
export class Passphrase implements KeySource {
  readonly name = "passphrase";
  readonly place = "the passphrase";
  readonly #passphrase: ScryptPassphrase;
  /** What was opened, by what it was opened from. */
  readonly #opened = new Map<string, string>();

  /** @param workFactor for tests, which have no second to spend */
  constructor(passphrase: string, workFactor = WORK_FACTOR) {
    this.#passphrase = new ScryptPassphrase(passphrase, workFactor);
  }

  async read(header: Header | undefined): Promise<readonly string[]> {
    if (!header) return [];
    const { identity } = header;
    if (identity === undefined)
      throw new VaultProblem(
        "damaged",
        "the header of the vault says that a passphrase opens it, and has no identity; put a copy of it in its place",
      );
    let opened = this.#opened.get(identity);
    if (opened === undefined) {
      const decrypter = new Decrypter();
      decrypter.addIdentity(this.#passphrase);
      try {
        opened = await decrypter.decrypt(Buffer.from(identity, "base64"), "text");
      } catch (error) {
        if (reasonOf(error).startsWith("no identity matched"))
          throw new VaultProblem(
            "locked",
            "the passphrase is not the one of the vault; give the right one, or put the vault of this passphrase back",
            error,
          );
        throw new VaultProblem(
          "damaged",
          `the header of the vault is damaged (${reasonOf(error)}); put a copy of the vault in its place`,
          error,
        );
      }
      this.#remember(identity, opened);
    }
    return [opened];
  }

  async write(identities: readonly string[]): Promise<Pick<Header, "identity">> {
    const [first = ""] = identities;
    for (const [identity, opened] of this.#opened) if (opened === first) return { identity };
    const encrypter = new Encrypter();
    encrypter.addRecipient(this.#passphrase);
    const identity = Buffer.from(await encrypter.encrypt(first)).toString("base64");
    this.#remember(identity, first);
    return { identity };
  }

  #remember(identity: string, opened: string): void {
    this.#opened.clear(); // there is one at a time
    this.#opened.set(identity, opened);
  }
}
