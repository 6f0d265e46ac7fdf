import { sqlite } from "@host/plugin-sqlite";
import { testPlugin } from "mcp-host/testing";
import { afterAll, test } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { fileIn } from "./opened.ts";

const folder = temporary();
afterAll(() => folder[Symbol.dispose]());

testPlugin(sqlite, {
  test,
  module: "@host/plugin-sqlite",
  options: { file: fileIn(folder), maxSize: "8mb" },
  badOptions: [
    { options: { file: "" }, place: "plugins[0].options.file", hint: "character" },
    { options: { maxSize: "1kb" }, place: "plugins[0].options.maxSize", hint: "at least 1mb" },
    { options: { timeout: 1 }, place: "plugins[0].options.timeout", hint: "at least 100ms" },
    { options: { poll: "often" }, place: "plugins[0].options.poll", hint: "30s" },
    { options: { poll: 1 }, place: "plugins[0].options.poll", hint: "at least 5ms" },
  ],
});
