import { readFileSync } from "node:fs";
import { join } from "node:path";
import { keyVariables, serverKeyVariables } from "../../packages/host/dist/config/environment.js";
import { configSchema, PART_SCHEMAS } from "../../packages/host/dist/config/schema.js";
import { SERVER_SCHEMAS } from "../../packages/host/dist/config/server-schema.js";
import { DEFAULT_LIMITS } from "../../packages/host/dist/wire/limits.js";
import { between, root, table } from "../pages.mjs";

export const file = "docs/config.md";

/** Every key of the config with its default, from the schema that checks it. */
export function render(current) {
  const { stdio, url, plugin } = SERVER_SCHEMAS;
  const own = (shape, other) => Object.fromEntries(Object.entries(shape).filter(([key]) => !(key in other)));
  const both = Object.fromEntries(Object.entries(stdio.shape).filter(([key]) => key in url.shape && key !== "type"));
  const parts = {
    top: keys(configSchema.shape),
    listen: keys(configSchema.shape.listen.unwrap().shape),
    resume: keys(PART_SCHEMAS.resume.shape),
    cache: keys(PART_SCHEMAS.cache.shape),
    tls: keys(PART_SCHEMAS.tls.shape),
    catalog: keys(PART_SCHEMAS.catalog.shape),
    selected: keys(PART_SCHEMAS.selected.shape),
    stdio: keys({ type: stdio.shape.type, ...own(stdio.shape, url.shape) }),
    url: keys({ type: url.shape.type, ...own(url.shape, stdio.shape) }),
    plugin: keys({ type: plugin.shape.type, ...own(plugin.shape, stdio.shape) }),
    both: keys(both),
    limits: limits(),
    variables: variables(keyVariables()),
    "server variables": variables(serverKeyVariables("NAME")),
  };
  return Object.entries(parts).reduce((page, [name, text]) => between(page, name, text), current);
}

function keys(shape) {
  return table(
    ["key", "default", "meaning"],
    Object.entries(shape).map(([key, schema]) => [`\`${key}\``, standard(key, schema), schema.description ?? ""]),
  );
}

function standard(key, schema) {
  const { type, defaultValue } = schema.def;
  if (type === "optional") return "–";
  if (type === "prefault") return "see below";
  if (type !== "default") return "**required**";
  if (typeof defaultValue !== "number" || /^port$|count$/i.test(key)) return `\`${JSON.stringify(defaultValue)}\``;
  return `\`${/bytes$/i.test(key) ? bytes(defaultValue) : time(defaultValue)}\``;
}

function variables(all) {
  const rows = all.map(({ variable, path }) => [
    `\`${path.join(".").replace(".NAME.", ".<name>.")}\``,
    `\`${variable.replace("__NAME__", "__<NAME>__")}\``,
  ]);
  return table(["key", "variable"], rows);
}

/** What each limit bounds, from the comments of its definition. */
export function meanings() {
  const source = readFileSync(join(root, "packages/host/src/wire/limits.ts"), "utf8");
  const words = source.matchAll(/\/\*\* (.*?) Default .*? \*\/\n {2}(\w+): number;/g);
  return Object.fromEntries([...words].map(([, text, key]) => [key, text]));
}

function limits() {
  const words = meanings();
  return table(
    ["key", "default", "meaning"],
    Object.entries(DEFAULT_LIMITS).map(([key, value]) => [`\`${key}\``, `\`${amount(key, value)}\``, words[key] ?? ""]),
  );
}

function amount(key, value) {
  if (/Bytes$/.test(key)) return bytes(value);
  return /(Idle|Initialize|Time)$/.test(key) ? time(value) : String(value);
}

function bytes(value) {
  return value >= 1024 ** 2 ? `"${value / 1024 ** 2}mb"` : `"${value / 1024}kb"`;
}

function time(milliseconds) {
  return milliseconds >= 60_000 ? `"${milliseconds / 60_000}m"` : `"${milliseconds / 1000}s"`;
}
