import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { StoreProvider } from "mcp-host/testing";
import { KeyFile, type KeySource } from "../dist/key-source.js";
import { Messages } from "../dist/messages.js";
import { storeName } from "../dist/secrets.js";
import { Vault } from "../dist/vault.js";
import { VaultStore } from "../dist/vault-store.js";

/** A vault as one process has it. */
export interface Instance extends StoreProvider {
  readonly vault: Vault;
  readonly warnings: string[];
}

/** Folders of one vault: that of the files, and that of the key. */
export interface Places {
  readonly root: string;
  readonly folder: string;
  readonly keyFile: string;
}

export function placesIn(root: string, name: string = randomUUID()): Places {
  const own = join(root, name);
  mkdirSync(own, { recursive: true });
  return { root: own, folder: join(own, "vault"), keyFile: join(own, "keys", "vault.key") };
}

/** Opens a vault as another process would: nothing is shared with other instances. */
export function instanceOf({ folder, keyFile, root }: Places, source: KeySource = new KeyFile(keyFile)): Instance {
  const warnings: string[] = [];
  const vault = new Vault({ folder, source, seen: join(root, "seen"), warn: (message) => warnings.push(message) });
  const messages = new Messages(vault, 20);
  return { vault, warnings, store: (name) => new VaultStore(storeName(name), vault, messages) };
}
