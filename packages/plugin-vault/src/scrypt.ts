import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { type Identity, type Recipient, Stanza } from "age-encryption";

/** As in the specification of age, section "scrypt recipient stanza". */
const LABEL = "age-encryption.org/v1/scrypt";
const SALT = 16;
const FILE_KEY = 16;
const TAG = 16;
/** A file that asks for more would keep whoever opens it busy for seconds, and take a gigabyte. */
const MOST = 20;
/** Each file has a salt, so a key is used once. */
const NONCE = Buffer.alloc(12);

/** log2 of scrypt's N, as age has it by default: about a second and 256 MiB for whoever tries one passphrase. */
export const WORK_FACTOR = 18;

/**
 * The passphrase of an age file. age-encryption has the same in JavaScript, which would keep the event loop of a running host for a second or two;
 * this is done by Node in a thread.
 */
export class ScryptPassphrase implements Identity, Recipient {
  readonly #passphrase: string;
  readonly #workFactor: number;

  constructor(passphrase: string, workFactor = WORK_FACTOR) {
    this.#passphrase = passphrase;
    this.#workFactor = workFactor;
  }

  async wrapFileKey(fileKey: Uint8Array): Promise<Stanza[]> {
    const salt = randomBytes(SALT);
    const cipher = createCipheriv("chacha20-poly1305", await this.#stretch(salt, this.#workFactor), NONCE, { authTagLength: TAG });
    const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
    return [new Stanza(["scrypt", salt.toString("base64").replace(/={1,2}$/, ""), String(this.#workFactor)], body)];
  }

  /** Null where this is not the passphrase. */
  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const [stanza] = stanzas;
    const [type, salt = "", factor = ""] = stanza?.args ?? [];
    if (!stanza || stanzas.length !== 1 || type !== "scrypt") throw new Error("it is not what a passphrase opens");
    if (!/^[1-9]\d?$/.test(factor) || Number(factor) > MOST) throw new Error("its scrypt work factor is too high");
    if (stanza.body.length !== FILE_KEY + TAG) throw new Error("its scrypt stanza is invalid");
    const decipher = createDecipheriv("chacha20-poly1305", await this.#stretch(Buffer.from(salt, "base64"), Number(factor)), NONCE, {
      authTagLength: TAG,
    });
    decipher.setAuthTag(stanza.body.subarray(FILE_KEY));
    const fileKey = decipher.update(stanza.body.subarray(0, FILE_KEY));
    try {
      decipher.final();
    } catch {
      return null;
    }
    return fileKey;
  }

  #stretch(salt: Buffer, workFactor: number): Promise<Buffer> {
    const options = { N: 2 ** workFactor, r: 8, p: 1, maxmem: 2 ** workFactor * 1024 + 32 * 1024 ** 2 };
    return new Promise((resolve, reject) =>
      scrypt(this.#passphrase, Buffer.concat([Buffer.from(LABEL), salt]), 32, options, (error, key) =>
        error ? reject(error) : resolve(key),
      ),
    );
  }
}
