// A process that writes into a vault without end: `node writer.mjs <folder> <keyFile> <seen> <store> [rotate]`. It says each number that is written.
import { KeyFile } from "../dist/key-source.js";
import { Messages } from "../dist/messages.js";
import { storeName } from "../dist/secrets.js";
import { Vault } from "../dist/vault.js";
import { VaultStore } from "../dist/vault-store.js";

const [, , folder, keyFile, seen, name, rotates] = process.argv;
const vault = new Vault({ folder, source: new KeyFile(keyFile), seen, warn: () => {} });
const store = new VaultStore(storeName(name), vault, new Messages(vault, 20));
for (let number = 1; ; number++) {
  if (rotates) await vault.rotate();
  else await Promise.all([store.set(`key ${number % 50}`, "x".repeat(2_000)), store.increment("count")]);
  process.stdout.write(`${number}\n`);
}
