import { type Document, entryOf, put } from "./document.ts";
import type { Vault } from "./vault.ts";

/** Where the secrets of configs are among the stores of a vault; those of plugins have another beginning. */
const SECRETS = "secrets";
/** A secret is no longer. */
export const LONGEST = 64 * 1024;

/** What plugins' stores are filed under. */
export function storeName(name: string): string {
  return `store:${name}`;
}

/** What is known of a secret besides its value. */
export interface SecretFacts {
  readonly name: string;
  /** When it was set, in milliseconds since 1970. */
  readonly changed: number;
}

/** What is wrong with the name of a secret, if anything. */
export function nameProblem(name: string): string | undefined {
  return /^[A-Za-z_][\w.-]{0,127}$/.test(name)
    ? undefined
    : `${JSON.stringify(name)} is no name of a secret: it begins with a letter or "_", and goes on with up to 127 letters, digits, "_", "." and "-"`;
}

export function secretIn(document: Document | undefined, name: string): string | undefined {
  const value = entryOf(document, SECRETS, name)?.value;
  return typeof value === "string" ? value : undefined;
}

/** Those that there are, by name. */
export function secretsIn(document: Document | undefined): SecretFacts[] {
  return [...(document?.stores.get(SECRETS) ?? [])]
    .map(([name, { changed }]) => ({ name, changed }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Sets secrets in one write, or none where one of them cannot be. @param keep leaves those that are there as they are @returns the names that were written */
export function setSecrets(vault: Vault, values: ReadonlyMap<string, string>, keep = false): Promise<string[]> {
  for (const [name, value] of values) {
    const wrong = nameProblem(name);
    if (wrong !== undefined) throw new Error(wrong);
    if (value === "") throw new Error(`the value of ${name} is empty`);
    if (Buffer.byteLength(value) > LONGEST) throw new Error(`the value of ${name} has more than ${LONGEST} bytes`);
  }
  return vault.change(({ document, changed }) => {
    const written: string[] = [];
    for (const [name, value] of values) {
      if (keep && entryOf(document, SECRETS, name)) continue;
      put(document, SECRETS, name, value, undefined);
      changed();
      written.push(name);
    }
    return written;
  });
}

/** @returns whether there was one */
export function removeSecret(vault: Vault, name: string): Promise<boolean> {
  return vault.change(({ document, changed }) => {
    if (!entryOf(document, SECRETS, name)) return false;
    put(document, SECRETS, name, undefined, undefined);
    changed();
    return true;
  });
}
