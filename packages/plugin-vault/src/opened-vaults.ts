import { dirname, join, resolve } from "node:path";
import { credentialsPath, registerSecret, stateFolder } from "mcp-host";
import { KeyFile, type KeySource, Passphrase } from "./key-source.ts";
import { Keyring } from "./keyring.ts";
import { Messages } from "./messages.ts";
import type { Options } from "./options.ts";
import type { SourceName } from "./sealed.ts";
import { Vault } from "./vault.ts";

/** What a process has of one vault. */
export interface OpenedVault {
  readonly vault: Vault;
  readonly messages: Messages;
  /** Digests of the secrets that configs were given, by their names; undefined where there was none. */
  readonly given: Map<string, string | undefined>;
}

/** By folder and key: what is read with a passphrase is opened once in a process, however often its config is loaded. */
const opened = new Map<string, OpenedVault>();
const MOST = 100;

/** The vault that the options mean. Nothing is read, and none is made yet. */
export function vaultOf(options: Options, folder: string): OpenedVault {
  const { folder: path, keyFile } = placesOf(options, folder);
  const id = JSON.stringify([path, keyFile, options.key, options.keyMounted, options.passphrase, options.account, options.poll]);
  let known = opened.get(id);
  if (known) return known;
  if (opened.size >= MOST) opened.delete(opened.keys().next().value as string); // it is full
  const source = sourceOf(options.key, options, folder);
  const vault = new Vault({ folder: path, source, seen: join(dirname(keyFile), "vault.seen"), warn: () => {} });
  known = { vault, messages: new Messages(vault, options.poll), given: new Map() };
  opened.set(id, known);
  return known;
}

/** A source of this name, as the options have it. */
export function sourceOf(name: SourceName, options: Options, folder: string): KeySource {
  if (name === "file") return new KeyFile(placesOf(options, folder).keyFile, options.keyMounted);
  if (name === "keyring") return new Keyring(options.account);
  registerSecret(options.passphrase ?? "");
  return new Passphrase(options.passphrase ?? "", options.workFactor); // the options demand one
}

function placesOf(options: Options, folder: string): { folder: string; keyFile: string } {
  return {
    folder: options.folder === undefined ? join(stateFolder(), "vault") : resolve(folder, options.folder),
    keyFile: options.keyFile === undefined ? join(dirname(credentialsPath()), "vault.key") : resolve(folder, options.keyFile),
  };
}
