import { toolSearch } from "@host/plugin-tool-search";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const place = (rest: string): string => `plugins[0].options.${rest}`;

testPlugin(toolSearch, {
  test,
  module: "@host/plugin-tool-search",
  options: {
    threshold: 2_000,
    pinned: ["contract:none"],
    rules: [{ clients: ["small-*"], endpoints: ["", "work"], show: "search" }],
    listFound: 3,
    synonyms: [["kunde", "customer"]],
  },
  badOptions: [
    { options: { show: "some" }, place: place("show"), hint: "auto" },
    { options: { threshold: -1 }, place: place("threshold"), hint: ">=0" },
    { options: { limit: 21 }, place: place("limit"), hint: "<=20" },
    { options: { answer: 10 }, place: place("answer"), hint: ">=200" },
    { options: { listFound: 101 }, place: place("listFound"), hint: "<=100" },
    { options: { synonyms: [["alone"]] }, place: place("synonyms[0]"), hint: /2/ },
    { options: { rules: [{ clients: [], show: "list" }] }, place: place("rules[0].clients"), hint: /1/ },
    { options: { rules: [{ client: ["a"], show: "list" }] }, place: place("rules[0].client"), hint: 'did you mean "clients"?' },
    { options: { rules: [{ roles: ["a"] }] }, place: place("rules[0].show"), hint: /./ },
  ],
});
