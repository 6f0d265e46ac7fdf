import { join } from "node:path";
import { vault } from "@host/plugin-vault";
import { testPlugin } from "mcp-host/testing";
import { afterAll, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());
const options = (name: string) => ({ folder: join(folder.path, name), keyFile: join(folder.path, `${name}.key`) });

testPlugin(vault, {
  test,
  module: "@host/plugin-vault",
  options: options("one"),
  badOptions: [
    { options: { folder: "" }, place: "plugins[0].options.folder", hint: "character" },
    { options: { key: "purse" }, place: "plugins[0].options.key", hint: "keyring" },
    { options: { key: "passphrase" }, place: "plugins[0].options.passphrase", hint: "MCP_HOST_VAULT_PASSPHRASE" },
    { options: { passphrase: "a passphrase" }, place: "plugins[0].options.passphrase", hint: 'not used with "key": "file"' },
    { options: { key: "passphrase", passphrase: "short" }, place: "plugins[0].options.passphrase", hint: "at least 8 characters" },
    { options: { workFactor: 30 }, place: "plugins[0].options.workFactor", hint: "20" },
    { options: { commands: ["op read"] }, place: "plugins[0].options.commands[0]", hint: "without arguments" },
    { options: { commandTimeout: "1m" }, place: "plugins[0].options.commandTimeout", hint: "between 100ms and 25s" },
    { options: { poll: 1 }, place: "plugins[0].options.poll", hint: "at least 20ms" },
  ],
});
