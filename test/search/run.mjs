// Real servers from npm behind one host: what their tools cost a model with and without the search, and how well it finds. Writes what they
// list to tools.jsonl, on which the tests run, and the figures to results.json, of which `npm run docs` makes those in the README of the plugin.
//
//   npm run search

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { installLocked } from "../harness/locked.mjs";

installLocked(join(import.meta.dirname, "../zoo"));
// What needs the installed packages is imported once they are there.
const { realServers, VERSIONS } = await import("./real.mjs");
const { measure } = await import("./measure.mjs");

const write = (name, text) => writeFileSync(join(import.meta.dirname, name), text);

const rules = [{ endpoints: [""], show: "search" }];
const { host, close } = await realServers([
  ["@host/plugin-namespace", { prefixes: { "tool-search": "" } }],
  ["@host/plugin-profiles", { profiles: { whole: {} } }],
  ["@host/plugin-tool-search", { show: "list", rules }],
]);
try {
  const { tools: list } = await host.listTools({ endpoint: "whole" });
  const { tools: search } = await host.listTools();
  const listed = new Map(list.map((tool) => [tool.name, tool]));
  const entries = host.status().tools.filter(({ name }) => listed.has(name));
  const names = new Map(entries.map(({ name, upstream, native }) => [`${upstream}:${native}`, name]));
  const call = async (name, args) => (await host.callTool(name, args)).content[0].text;
  const figures = await measure({ list, search, call, nameOf: (key) => names.get(key) ?? key });
  const lines = entries.map(({ name, upstream, native }) =>
    JSON.stringify({ upstream, definition: { ...listed.get(name), name: native } }),
  );
  write("tools.jsonl", `${lines.join("\n")}\n`);
  write("results.json", `${JSON.stringify({ servers: VERSIONS, ...figures }, null, 2)}\n`);
  console.log(figures);
} finally {
  await close();
}
