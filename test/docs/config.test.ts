import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configSchema, PART_SCHEMAS } from "../../packages/host/dist/config/schema.js";
import { SERVER_SCHEMAS } from "../../packages/host/dist/config/server-schema.js";
import { DEFAULT_LIMITS } from "../../packages/host/dist/wire/limits.js";
import { ROOT } from "../harness/hosts.ts";

const { shape } = configSchema;

test.each([
  ["the top level", shape],
  ["listen", shape.listen.unwrap().shape],
  ["listen.resume", PART_SCHEMAS.resume.shape],
  ["listen.tls", PART_SCHEMAS.tls.shape],
  ["catalog", PART_SCHEMAS.catalog.shape],
  ["tools, prompts and resources of a server", PART_SCHEMAS.selected.shape],
  ["a stdio server", SERVER_SCHEMAS.stdio.shape],
  ["a server with a URL", SERVER_SCHEMAS.url.shape],
  ["a server behind a plugin's transport", SERVER_SCHEMAS.plugin.shape],
  ["limits", DEFAULT_LIMITS],
])("docs/config.md has every key of %s, its default and its meaning", (_where, keys) => {
  const page = readFileSync(join(ROOT, "docs/config.md"), "utf8");
  for (const key of Object.keys(keys)) {
    const [, standard, meaning] = new RegExp(`^\\| \`${key.replace("$", "\\$")}\` \\| (.*?) \\| (.*) \\|$`, "m").exec(page) ?? [];
    expect({ key, standard, meaning }).toEqual({ key, standard: expect.stringMatching(/\S/), meaning: expect.stringMatching(/\S/) });
  }
});
