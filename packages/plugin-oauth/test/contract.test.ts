import { oauth } from "@host/plugin-oauth";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const options = "plugins[0].options";
const server = (given: object) => ({ servers: { up: given } });

testPlugin(oauth, {
  test,
  module: "@host/plugin-oauth",
  options: { callback: { port: 0 } },
  badOptions: [
    { options: { mode: "everybody" }, place: `${options}.mode`, hint: '"principal"' },
    { options: { servers: { nobody: {} } }, place: 'plugin "oauth": options.servers["nobody"]', hint: "nobody" },
    { options: server({ grant: "password" }), place: `${options}.servers.up.grant`, hint: "client_credentials" },
    { options: server({ scopes: ["two words"] }), place: `${options}.servers.up.scopes[0]`, hint: "RFC 6749" },
    { options: server({ issuer: "http://login.example.com" }), place: `${options}.servers.up.issuer`, hint: "https" },
    { options: { publicUrl: "http://host.example.com" }, place: `${options}.publicUrl`, hint: "https" },
    { options: { clientMetadataUrl: "https://host.example.com/" }, place: `${options}.clientMetadataUrl`, hint: "path" },
    { options: { callback: { path: "callback" } }, place: `${options}.callback.path`, hint: "/oauth/callback" },
    { options: { callback: { host: "0.0.0.0" } }, place: `${options}.callback.host`, hint: "localhost" },
  ],
});
