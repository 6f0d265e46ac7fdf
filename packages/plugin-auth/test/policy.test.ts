import { createLogger, type Entry, type Exchange, type Principal } from "mcp-host";
import { describe, expect, test } from "vitest";
import { rule } from "../dist/options.js";
import { Policy } from "../dist/policy.js";

const tool = (name: string, upstream = "files"): Entry => ({
  kind: "tool",
  name: `${upstream}__${name}`,
  native: name,
  upstream,
  definition: {},
});
const resource = (native: string, name = native): Entry => ({ kind: "resource", name, native, upstream: "files", definition: {} });
const who = (roles: string[], claims = {}): Principal => ({ id: "key:alice", roles, claims });
const call = (args: unknown, method = "tools/call"): Exchange => ({ method, params: { arguments: args } }) as unknown as Exchange; // what a policy reads of one
const log = createLogger({ level: "error" });
const policy = (rules: unknown[], otherwise: "allow" | "deny" = "deny"): Policy =>
  new Policy(
    rules.map((one) => rule.parse(one)),
    otherwise,
    log,
  );

/** Whether it is listed, and whether it is called with these arguments. */
function judged(rules: unknown[], entry: Entry, principal: Principal, args: unknown = {}, otherwise: "allow" | "deny" = "deny") {
  const judge = policy(rules, otherwise);
  return [undefined, call(args)].map((exchange) => judge.refusal(entry, principal, exchange) === undefined) as [boolean, boolean];
}

describe("rules", () => {
  test("without one nothing is allowed, unless the default says so", () => {
    expect(judged([], tool("read"), who(["dev"]))).toEqual([false, false]);
    expect(judged([], tool("read"), who([]), {}, "allow")).toEqual([true, true]);
  });

  test("are named in what they refuse: by their place, or as the default", () => {
    const judge = policy([
      { allow: { tools: ["*"] } },
      { deny: { tools: ["files:delete"] } },
      { deny: { tools: ["files:write"] }, when: 'arguments.path.contains("..")' },
    ]);
    const refusal = (name: string, args?: unknown) => judge.refusal(tool(name), who([]), args === undefined ? undefined : call(args));
    expect([refusal("delete"), refusal("delete", {})]).toEqual([{ rule: "rules[1]" }, { rule: "rules[1]" }]);
    expect([refusal("write"), refusal("write", { path: "a" }), refusal("write", { path: ".." })]).toEqual([
      undefined,
      undefined,
      { rule: "rules[2]" },
    ]);
    expect(judge.refusal(resource("x:y"), who([]), undefined)).toEqual({ rule: "default" });
  });

  test("deny wins over allow, in whatever order", () => {
    const rules = [{ deny: { tools: ["files:delete"] } }, { allow: { servers: ["*"] } }];
    for (const order of [rules, [...rules].reverse()]) {
      expect(judged(order, tool("delete"), who(["admin"]))).toEqual([false, false]);
      expect(judged(order, tool("read"), who(["admin"]))).toEqual([true, true]);
    }
    expect(judged([{ deny: { tools: ["*"] } }], tool("read"), who([]), {}, "allow")).toEqual([false, false]);
  });

  test("speak of roles, servers and lists; both servers and a list must fit", () => {
    const rules = [{ roles: ["dev", "ops"], allow: { servers: ["files"], tools: ["*__read*"] } }];
    expect(judged(rules, tool("read"), who(["x", "ops"]))).toEqual([true, true]);
    expect(judged(rules, tool("read"), who(["other"]))).toEqual([false, false]);
    expect(judged(rules, tool("read", "web"), who(["dev"]))).toEqual([false, false]);
    expect(judged(rules, tool("write"), who(["dev"]))).toEqual([false, false]);
    expect(judged(rules, resource("x:read"), who(["dev"])), "another kind").toEqual([false, false]);
  });

  test("speak of prompts, templates and unknown methods", () => {
    const entry = (kind: Entry["kind"], name: string): Entry => ({ kind, name, native: name, upstream: "a", definition: {} });
    const rules = [{ allow: { prompts: ["p*"], resources: ["file:///{path}"], methods: ["vendor/*"] } }];
    for (const allowed of [entry("prompt", "p1"), entry("template", "file:///{path}"), entry("method", "vendor/x")])
      expect(judged(rules, allowed, who([]))).toEqual([true, true]);
    for (const other of [entry("prompt", "q"), entry("template", "db:///{id}"), entry("method", "other"), entry("tool", "p1")])
      expect(judged(rules, other, who([]))).toEqual([false, false]);
  });

  test("about a URI hold for it under its prefix, too", () => {
    const rules = [{ deny: { resources: ["file:///secret*"] } }];
    expect(judged(rules, resource("file:///secret/a", "two+file:///secret/a"), who([]), {}, "allow")).toEqual([false, false]);
    expect(judged(rules, resource("file:///open"), who([]), {}, "allow")).toEqual([true, true]);
  });
});

describe("conditions", () => {
  const entry = tool("read");
  test("on arguments: listed while some call could pass, decided in the call", () => {
    const rules = [{ allow: { tools: ["*"] }, when: 'arguments.path.startsWith("/public/")' }];
    expect(judged(rules, entry, who([]), { path: "/public/a" })).toEqual([true, true]);
    expect(judged(rules, entry, who([]), { path: "/etc/passwd" })).toEqual([true, false]);
    expect(judged(rules, entry, who([]), {}), "what cannot be decided refuses").toEqual([true, false]);
    expect(judged(rules, entry, who([]), { path: 7 })).toEqual([true, false]);
    expect(judged(rules, entry, who([]), "no object")).toEqual([true, false]);
  });

  test("of a deny rule: one that cannot be decided refuses", () => {
    const rules = [{ allow: { tools: ["*"] } }, { deny: { tools: ["*"] }, when: "arguments.size > 10" }];
    expect(judged(rules, entry, who([]), { size: 5 })).toEqual([true, true]);
    expect(judged(rules, entry, who([]), { size: 11 })).toEqual([true, false]);
    expect(judged(rules, entry, who([]), {})).toEqual([true, false]);
    expect(judged(rules, entry, who([]), { size: 11 }, "allow")).toEqual([true, false]);
  });

  test("on claims, roles and names alone are decided in lists as well", () => {
    const rules = [
      { allow: { tools: ["*"] }, when: 'claims.team == "blue" && name.endsWith("read") && server == "files" && "dev" in roles' },
    ];
    expect(judged(rules, entry, who(["dev"], { team: "blue" }))).toEqual([true, true]);
    expect(judged(rules, entry, who(["dev"], { team: "red" }))).toEqual([false, false]);
    expect(judged(rules, entry, who(["dev"]))).toEqual([false, false]);
    expect(judged([{ deny: { tools: ["*"] }, when: 'claims.team == "red"' }], entry, who([]), {}, "allow"), "no claim to tell").toEqual([
      false,
      false,
    ]);
  });

  test("one of several that allow is enough, and one without is enough for all", () => {
    const one = { allow: { tools: ["*"] }, when: "arguments.a == 1" };
    const two = { allow: { tools: ["*"] }, when: "arguments.b == 2" };
    expect(judged([one, two], entry, who([]), { b: 2 })).toEqual([true, true]);
    expect(judged([one, two], entry, who([]), { a: 2, b: 1 })).toEqual([true, false]);
    expect(judged([one, { allow: { tools: ["*"] } }], entry, who([]), {})).toEqual([true, true]);
  });

  test("see what a completion has so far", () => {
    const judge = policy([{ allow: { prompts: ["*"] }, when: 'arguments.team == "blue" && arguments.city == "Rome"' }]);
    const prompt: Entry = { kind: "prompt", name: "p", native: "p", upstream: "a", definition: {} };
    const params = (city: string) => ({ argument: { name: "city", value: city }, context: { arguments: { team: "blue" } } });
    const complete = (given: unknown) => ({ method: "completion/complete", params: given }) as unknown as Exchange;
    expect(judge.refusal(prompt, who([]), complete(params("Rome")))).toBeUndefined();
    expect(judge.refusal(prompt, who([]), complete(params("Oslo")))).toEqual({ rule: "default" });
    expect(judge.refusal(prompt, who([]), complete({}))).toEqual({ rule: "default" });
  });
});
