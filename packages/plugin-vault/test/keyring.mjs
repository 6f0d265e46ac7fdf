// Uses the keyring of the session bus that it is run in: `node keyring.mjs <folder>` says what came of it as JSON.
import { join } from "node:path";
import { Keyring } from "../dist/keyring.js";
import { Messages } from "../dist/messages.js";
import { Vault } from "../dist/vault.js";
import { VaultStore } from "../dist/vault-store.js";

const folder = process.argv[2];
const instance = (account) => {
  const vault = new Vault({ folder: join(folder, "vault"), source: new Keyring(account), seen: join(folder, "seen"), warn: () => {} });
  return { vault, store: new VaultStore("a", vault, new Messages(vault, 20)) };
};
const said = {};
try {
  await instance("test").store.set("token", "in the keyring's vault");
  said.read = await instance("test").store.get("token");
  await instance("test").vault.rotate();
  said.rotated = await instance("test").store.get("token");
  said.header = (await instance("test").vault.read()).header.source;
  said.other = await instance("another account")
    .store.get("token")
    .catch(({ message }) => message);
} catch (error) {
  said.error = `${error.kind}: ${error.message}`;
}
process.stdout.write(JSON.stringify(said));
process.exit(0);
