import { routing } from "@host/plugin-routing";
import { testPlugin } from "mcp-host/testing";
import { test } from "vitest";

const at = "plugins[0].options.groups.g";
const group = (more: object) => ({ groups: { g: { members: ["a", "b"], ...more } } });
const rules = (...given: object[]) => group({ rules: given.map((each) => ({ name: "r", to: "a", ...each })) });

testPlugin(routing, {
  test,
  module: "@host/plugin-routing",
  options: { coalesce: [{ match: ["nothing-like-it"] }] },
  badOptions: [
    { options: { groups: { "a b": { members: ["a"] } } }, place: "plugins[0].options.groups.a b", hint: "A-Z" },
    { options: group({ members: [] }), place: `${at}.members`, hint: "1" },
    { options: group({ members: ["a", "a"] }), place: `${at}.members[1]`, hint: "a member already" },
    { options: group({ members: [{ server: "a", weight: 0 }] }), place: `${at}.members`, hint: "a weight above 0" },
    { options: group({ members: [{ server: "a", weight: -1 }] }), place: `${at}.members[0].weight`, hint: "0" },
    { options: group({ members: [{ server: "a", priority: 0 }] }), place: `${at}.members[0].priority`, hint: "1" },
    { options: group({}), place: 'plugin "routing": options.groups.g.members[0]', hint: "no upstream is called" },
    {
      options: { groups: { g: { members: ["a"] }, h: { members: ["a"] } } },
      place: "plugins[0].options.groups.h.members[0]",
      hint: "in one group",
    },
    { options: group({ policy: "random" }), place: `${at}.policy`, hint: "round-robin" },
    { options: group({ hash: "claims.team" }), place: `${at}.hash`, hint: "arguments.<name>" },
    { options: group({ offer: "some" }), place: `${at}.offer`, hint: "all or majority" },
    { options: group({ sticky: true }), place: `${at}.sticky`, hint: '"session" or "principal"' },
    { options: group({ stickyFor: 0 }), place: `${at}.stickyFor`, hint: "longer than 0" },
    { options: group({ failures: 0 }), place: `${at}.failures`, hint: "1" },
    { options: group({ ejectFor: 0 }), place: `${at}.ejectFor`, hint: "longer than 0" },
    { options: group({ slowStart: "soon" }), place: `${at}.slowStart`, hint: "30s" },
    { options: rules({ to: "c" }), place: `${at}.rules[0]`, hint: "which is no member; there are a, b" },
    { options: rules({}, {}), place: `${at}.rules[1].name`, hint: "another rule's" },
    { options: rules({ mirror: "b" }), place: `${at}.rules[0]`, hint: 'one of "to", "arms" and "mirror"' },
    { options: rules({ when: "arguments.x ==" }), place: `${at}.rules[0].when`, hint: "CEL" },
    { options: rules({ percent: 101 }), place: `${at}.rules[0].percent`, hint: "0 to 100" },
    { options: rules({ readOnly: true }), place: `${at}.rules[0].readOnly`, hint: '"mirror"' },
    { options: rules({ to: undefined, mirror: "b", strict: true }), place: `${at}.rules[0].strict`, hint: '"to" or "arms"' },
    {
      options: rules({
        to: undefined,
        arms: [
          { name: "x", percent: 60, to: "a" },
          { name: "y", percent: 60, to: "b" },
        ],
      }),
      place: `${at}.rules[0].arms`,
      hint: "more than 100",
    },
    { options: { coalesce: [{}] }, place: "plugins[0].options.coalesce[0].match", hint: "" },
  ],
});
