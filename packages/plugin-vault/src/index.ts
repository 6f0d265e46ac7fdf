import { readFileSync } from "node:fs";
import { definePlugin, registerSecret, SECRET_STORE, type SecretStore } from "mcp-host";
import type { z } from "zod";
import { valueFrom } from "./command-values.ts";
import { vaultOf } from "./opened-vaults.ts";
import { options } from "./options.ts";
import { reasonOf } from "./problem.ts";
import { OLDER, Report } from "./report.ts";
import { SealedStore, type StoreKey, storeKeyOf } from "./sealed-store.ts";
import { nameProblem, secretIn, secretsIn, storeName } from "./secrets.ts";
import { VaultStore } from "./vault-store.ts";
import { digestOfSecret, Watching } from "./watching.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type VaultOptions = z.input<typeof options>;

/** Keeps secrets of configs and tokens of plugins encrypted, and gives configs their values. */
export const vault = definePlugin({
  name: "vault",
  version,
  host: "^1.0.0",
  options,
  variables(given, { folder }) {
    const opened = vaultOf(given, folder);
    return {
      secret: {
        async find(name) {
          const wrong = nameProblem(name);
          if (wrong !== undefined) throw new Error(wrong);
          const value = secretIn((await opened.vault.read())?.document, name);
          opened.given.set(name, digestOfSecret(value));
          if (value !== undefined) registerSecret(value);
          return value;
        },
        unset: (name) => `the secret ${name} is not set; run \`mcp-host secret set ${name}\``,
      },
      cmd: {
        find: (line) => valueFrom(line, { allowed: given.commands, timeout: given.commandTimeout, cwd: folder, without: given.passphrase }),
        unset: () => "the program wrote nothing",
      },
    };
  },
  async examine(given, { folder }) {
    const { vault } = vaultOf(given, folder);
    const facts = await vault.read();
    if (!facts) return [{ level: "ok", found: `there is no vault ${vault.path} yet` }];
    const older = {
      level: "warning",
      found: OLDER,
      remedy: "put the newest copy there, or sign in anew where tokens are refused",
    } as const;
    const secrets = secretsIn(facts.document).length;
    return [
      {
        level: "ok",
        found: `the vault ${vault.path} has ${secrets} secret${secrets === 1 ? "" : "s"}; ${vault.source.place} opens it, since ${facts.header.since}`,
      },
      ...(facts.isOlder ? [older] : []),
    ];
  },
  // The key opens it, and travels by another way.
  keeps: (given, { folder }) => [{ what: "vault", path: vaultOf(given, folder).vault.path }],
  apply(host, given) {
    const opened = vaultOf(given, host.folder);
    opened.vault.warn = (message, details) => host.log.warn(message, details);
    const stores = new Map<string, SecretStore>();
    let storeKey: Promise<StoreKey> | undefined;
    const key = (): Promise<StoreKey> => {
      storeKey ??= storeKeyOf(opened.vault).catch((error: unknown) => {
        storeKey = undefined; // the vault may be opened later
        throw error;
      });
      return storeKey;
    };
    const make = (name: string): SecretStore =>
      given.over === "file"
        ? new VaultStore(storeName(name), opened.vault, opened.messages)
        : new SealedStore(name, host.store("vault"), key);
    host.provide(SECRET_STORE, (name) => {
      let store = stores.get(name);
      if (!store) stores.set(name, (store = make(name)));
      return store;
    });
    const report = new Report(opened.vault);
    host.operator.report(() => report.now());
    const watching = new Watching({
      opened,
      poll: given.poll,
      warn: (message, details) => host.log.warn(message, details),
      reload: (secrets) => {
        host.log.info("secrets changed, so the config is read again", { names: secrets });
        return host.operator.run("reload", {}, "vault");
      },
    });
    host.hooks.ready.tap("vault", async () => {
      const problem = await report.look();
      // Whatever needs it says so itself, and the rest runs.
      if (problem !== undefined) host.log.error("the vault cannot be opened", { vault: opened.vault.path, reason: reasonOf(problem) });
      watching.start();
    });
    host.hooks.close.tap("vault", () => watching.stop());
  },
  commands: {
    "secret set": () => import("./commands/set.ts"),
    "secret get": () => import("./commands/get.ts"),
    "secret list": () => import("./commands/list.ts"),
    "secret rm": () => import("./commands/rm.ts"),
    "secret rotate": () => import("./commands/rotate.ts"),
    "secret import": () => import("./commands/import.ts"),
  },
  shortcuts: ["secret"],
});

export default vault;
