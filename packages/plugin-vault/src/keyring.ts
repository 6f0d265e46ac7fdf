import { identityToRecipient } from "age-encryption";
import type { KeySource } from "./key-source.ts";
import { reasonOf, VaultProblem } from "./problem.ts";
import type { Header } from "./sealed.ts";

/** Milliseconds: a keyring that is locked may ask somebody who is not there. */
const DEADLINE = 3_000;
const SERVICE = "mcp-host";
const REMEDY = 'unlock it, or set "key" to "file" or "passphrase"';

/** What is used of @napi-rs/keyring. */
interface Entry {
  getPassword(signal?: AbortSignal): Promise<string | null>;
  setPassword(password: string, signal?: AbortSignal): Promise<void>;
}

/**
 * The keyring of the operating system, which has the identities alone: what is in the vault would be too large for some. On Linux that is the
 * Secret Service, and never the kernel's, which forgets.
 */
export class Keyring implements KeySource {
  readonly name = "keyring";
  readonly place: string;
  readonly #account: string;
  #entry: Entry | undefined;

  /** @param account what the entry is called, besides `mcp-host` */
  constructor(account: string) {
    this.#account = account;
    this.place = `the keyring's entry ${SERVICE} / ${account}`;
  }

  async read(): Promise<readonly string[]> {
    const text = await this.#do("read", (entry, signal) => entry.getPassword(signal));
    return (text ?? "").split("\n").filter((line) => line !== "");
  }

  async write(identities: readonly string[]): Promise<Pick<Header, "identity">> {
    for (const identity of identities) await identityToRecipient(identity); // nothing else is put there
    await this.#do("written", (entry, signal) => entry.setPassword(identities.join("\n"), signal));
    return {};
  }

  async #do<T>(what: string, work: (entry: Entry, signal: AbortSignal) => Promise<T>): Promise<T> {
    const entry = (this.#entry ??= await open(this.#account));
    const signal = AbortSignal.timeout(DEADLINE);
    let stop = (): void => {};
    const late = new Promise<never>((_, reject) => {
      stop = () => reject(new Error(`it did not answer within ${DEADLINE / 1_000} s`));
      signal.addEventListener("abort", stop, { once: true });
    });
    try {
      return await Promise.race([work(entry, signal), late]);
    } catch (error) {
      throw new VaultProblem("locked", `${this.place} cannot be ${what}: ${reasonOf(error)}; ${REMEDY}`, error);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}

/** Loaded only where it is asked for: where the system has no keyring, its binary may not even load. */
async function open(account: string): Promise<Entry> {
  try {
    const { AsyncEntry } = await import("@napi-rs/keyring");
    return new AsyncEntry(SERVICE, account, { linux: { store: "secret-service" } });
  } catch (error) {
    throw new VaultProblem("locked", `there is no keyring here: ${reasonOf(error)}; set "key" to "file" or "passphrase"`, error);
  }
}
