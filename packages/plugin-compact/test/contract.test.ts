import { compact } from "@host/plugin-compact";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const options = "plugins[0].options";

testPlugin(compact, {
  test,
  module: "@host/plugin-compact",
  options: { rules: [{ match: ["nothing-like-it*"], limit: 100, form: "minified", from: 0 }], limit: 1_000_000, form: "as-is" },
  badOptions: [
    { options: { limit: 10 }, place: `${options}.limit`, hint: /100|false/ },
    { options: { form: "csv" }, place: `${options}.form`, hint: "table" },
    { options: { from: -1 }, place: `${options}.from`, hint: "0" },
    { options: { saving: 1 }, place: `${options}.saving`, hint: "0.9" },
    { options: { rules: [{ match: [] }] }, place: `${options}.rules[0].match`, hint: /1/ },
    { options: { rules: [{ client: ["a"] }] }, place: `${options}.rules[0].client`, hint: 'did you mean "clients"?' },
    { options: { rest: { size: "much" } }, place: `${options}.rest.size`, hint: /./ },
    { options: { rulse: [] }, place: `${options}.rulse`, hint: 'did you mean "rules"?' },
  ],
});
