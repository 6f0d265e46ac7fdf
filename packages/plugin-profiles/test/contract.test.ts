import { profiles } from "@host/plugin-profiles";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

testPlugin(profiles, {
  test,
  module: "@host/plugin-profiles",
  options: {
    profiles: {
      base: { servers: ["contract"], endpoint: false },
      work: { extends: ["base"], instructions: "{instructions}", descriptions: { nothing: "like it" }, roles: ["nobody"] },
    },
  },
  badOptions: [
    {
      options: { profiles: { base: {}, work: { extends: ["bsae"] } } },
      place: "plugins[0].options.profiles.work.extends[0]",
      hint: 'no profile is called "bsae" (did you mean "base"?); there are base, work',
    },
    {
      options: { profiles: { a: { extends: ["b"] }, b: { extends: ["a"] } } },
      place: "plugins[0].options.profiles.a.extends",
      hint: "goes round in a circle: a → b → a",
    },
    {
      options: { default: "work" },
      place: "plugins[0].options.default",
      hint: 'no profile is called "work"; there is none',
    },
    {
      options: { profiles: { work: { roles: ["dev"] } }, default: "work" },
      place: "plugins[0].options.default",
      hint: '"work" is for its "roles" alone',
    },
    { options: { profiles: { work: { tools: ["!"] } } }, place: "plugins[0].options.profiles.work.tools[0]", hint: "must be a glob" },
    { options: { profiles: { work: { outside: "show" } } }, place: "plugins[0].options.profiles.work.outside", hint: "hide" },
    { options: { profiles: { work: { roles: [] } } }, place: "plugins[0].options.profiles.work.roles", hint: /./ },
    {
      options: { profiles: { work: { server: ["contract"] } } },
      place: "plugins[0].options.profiles.work.server",
      hint: 'did you mean "servers"?',
    },
  ],
});
