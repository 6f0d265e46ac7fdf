import { audit } from "@host/plugin-audit";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

testPlugin(audit, {
  test,
  module: "@host/plugin-audit",
  // Two hosts of the contract cannot have one file.
  options: { file: false, details: [{ arguments: "redacted", results: "hash" }], hashKey: "a key that everybody knows" },
  badOptions: [
    { options: { file: "" }, place: "plugins[0].options.file", hint: "character" },
    { options: { file: "no/such/folder/audit.jsonl" }, place: 'plugin "audit": options.file', hint: "there is no folder" },
    { options: { rotate: { size: "1kb" } }, place: "plugins[0].options.rotate.size", hint: "at least 4kb" },
    { options: { rotate: { keep: 0 } }, place: "plugins[0].options.rotate.keep", hint: "" },
    { options: { fsync: "sometimes" }, place: "plugins[0].options.fsync", hint: "always" },
    { options: { onFull: "wait" }, place: "plugins[0].options.onFull", hint: "refuse" },
    { options: { buffer: "1kb" }, place: "plugins[0].options.buffer", hint: "at least 64kb" },
    { options: { signing: { key: "no key" } }, place: 'plugin "audit": options.signing.key', hint: "is no Ed25519 private key" },
    { options: { details: [{ arguments: "hash" }] }, place: "plugins[0].options.hashKey", hint: "details[0] keeps hashes" },
    { options: { hashKey: "short" }, place: "plugins[0].options.hashKey", hint: "16 characters" },
    { options: { maxDetail: "1mb" }, place: "plugins[0].options.maxDetail", hint: "64kb" },
    { options: { webhook: { url: "http://example.com/" } }, place: "plugins[0].options.webhook.url", hint: "https" },
    { options: { file: false, webhook: { url: "https://example.com/" } }, place: "plugins[0].options.webhook", hint: "name one in `file`" },
    { options: { file: false, sqlite: "a.sqlite" }, place: "plugins[0].options.sqlite", hint: "name one in `file`" },
    { options: { file: false, signing: { key: "x" } }, place: "plugins[0].options.signing", hint: "name one in `file`" },
  ],
});
