import { type Exchange, HostError } from "mcp-host";
import { describe, expect, test } from "vitest";
import { Requests } from "../dist/requests.js";

interface Said {
  method?: string;
  /** `<upstream>:<name>` of a tool. */
  tool?: string;
  prompt?: string;
  outcome?: unknown;
  timings?: Partial<Exchange["timings"]>;
  requestBytes?: number;
  answerBytes?: number;
  principal?: string;
}

/** A finished exchange: by default a tool call that took 100 ms, of which the upstream took 80. */
function exchange({ method = "tools/call", tool, prompt, outcome = { result: {} }, principal = "local", ...rest }: Said): Exchange {
  const [upstream, name] = (tool ?? prompt ?? ":").split(":");
  const made = {
    method,
    entry: name ? { kind: tool ? "tool" : "prompt", name, upstream } : undefined,
    route: upstream ? { upstream } : undefined,
    outcome,
    principal: { id: principal, roles: [] },
    client: { info: {}, version: "2025-11-25", logLevel: undefined },
    resultKind: "complete",
    ...rest,
    timings: { start: 1_000, sent: 1_010, answered: 1_090, end: 1_100, ...rest.timings },
  };
  return made as unknown as Exchange; // all that is read of it
}

const hostError = (type: ConstructorParameters<typeof HostError>[0]) => {
  const cause = new HostError(type, "no");
  return { error: cause.toRpc("id"), cause };
};

/** Counts by labels, as one line each. */
const lines = (requests: Requests): string[] =>
  [...requests.targets()].flatMap(({ labels, endings }) =>
    [...endings.values()].map(
      ({ ending, duration }) =>
        `${labels.mcp_method_name} ${labels.upstream}:${labels.gen_ai_tool_name}${labels.gen_ai_prompt_name} ${ending.type}/${ending.code} ${duration.count}`,
    ),
  );

function counted(said: Said[], maxSeries = 1_000, maxPrincipals = 0): Requests {
  const requests = new Requests(maxSeries, maxPrincipals);
  for (const each of said) requests.settled(exchange(each));
  return requests;
}

test("calls are counted by method, upstream and name", () => {
  const requests = counted([
    { tool: "files:read" },
    { tool: "files:read" },
    { tool: "other:read" },
    { method: "prompts/get", prompt: "files:greet" },
    { method: "tools/list" },
  ]);
  expect(lines(requests)).toEqual([
    "tools/call files:read / 2",
    "tools/call other:read / 1",
    "prompts/get files:greet / 1",
    "tools/list : / 1",
  ]);
});

test("a method that MCP does not have is `other`, whatever a client calls it", () => {
  expect(
    lines(counted([{ method: "evil/1" }, { method: "evil/2" }, { method: "constructor" }, { method: "sampling/createMessage" }])),
  ).toEqual(["other : / 3", "sampling/createMessage : / 1"]);
});

test("resources and unknown names are counted without a name", () => {
  const requests = new Requests(100, 0);
  const read = exchange({ method: "resources/read", tool: "files:file:///etc/passwd" });
  requests.settled({ ...read, entry: { ...read.entry, kind: "resource" } } as Exchange);
  requests.settled(exchange({ method: "tools/call" }));
  expect(lines(requests)).toEqual(["resources/read files: / 1", "tools/call : / 1"]);
});

test("what was refused before it had a route counts for the upstream of its entry", () => {
  const requests = new Requests(100, 0);
  requests.settled({ ...exchange({ tool: "files:read", outcome: hostError("forbidden") }), route: undefined } as Exchange);
  expect(lines(requests)).toEqual(["tools/call files:read forbidden/-31403 1"]);
});

test("an exchange without an outcome is not counted", () => {
  expect(lines(counted([{ outcome: undefined as unknown }].map((said) => ({ ...said, outcome: null }))))).toEqual([]);
});

describe("endings", () => {
  test.each([
    ["of the host by their type", hostError("upstream_timeout"), "upstream_timeout/-31505"],
    ["of the tool itself", { result: { isError: true } }, "tool_error/"],
    ["of a client that gave up", { cancelled: "no more" }, "cancelled/"],
    ["of an upstream by its code", { error: { code: -32050, message: "no" }, cause: undefined }, "-32050/-32050"],
    [
      "of an upstream that claims to be the host with a type that is none",
      { error: { code: 7, message: "no", data: { origin: "mcp-host", type: "invented" } } },
      "_OTHER/_OTHER",
    ],
    ["of an upstream whose code is no integer", { error: { code: 1.5, message: "no" } }, "_OTHER/_OTHER"],
    ["of an upstream with data of its own", { error: { code: 7, message: "no", data: { origin: "elsewhere", type: "internal" } } }, "7/7"],
  ])("%s", (_what, outcome, wanted) => {
    expect(lines(counted([{ tool: "a:b", outcome }]))).toEqual([`tools/call a:b ${wanted} 1`]);
  });

  test("an upstream that makes codes up gets twenty of them", () => {
    const requests = counted(Array.from({ length: 100 }, (_, code) => ({ tool: "a:b", outcome: { error: { code, message: "" } } })));
    expect(lines(requests)).toHaveLength(21);
    expect(lines(requests).at(-1)).toBe("tools/call a:b _OTHER/_OTHER 80");
  });
});

describe("times", () => {
  const figures = (said: Said) => {
    const requests = counted([{ tool: "a:b", ...said }]);
    const [target] = requests.targets();
    const [ending] = [...(target?.endings.values() ?? [])];
    return { total: ending?.duration.sum, upstream: ending?.upstream, overhead: requests.overhead.get("tools/call") };
  };

  test("are in seconds: the whole, the upstream's, and the host's own", () => {
    const { total, upstream, overhead } = figures({});
    expect(total).toBeCloseTo(0.1);
    expect(upstream?.sum).toBeCloseTo(0.08);
    expect(overhead?.sum).toBeCloseTo(0.02);
    expect(overhead?.count).toBe(1);
  });

  test("without an upstream there is neither its time nor the host's", () => {
    const requests = new Requests(100, 0);
    requests.settled({ ...exchange({ tool: "a:b" }), timings: { start: 0, end: 5 } } as Exchange);
    const [target] = requests.targets();
    expect(target?.endings.get("")?.upstream.count).toBe(0);
    expect(requests.overhead.size).toBe(0);
  });

  test("a call that was not answered was with its upstream to the end", () => {
    const requests = new Requests(100, 0);
    requests.settled({ ...exchange({ tool: "a:b" }), timings: { start: 0, sent: 10, end: 60_010 } } as Exchange);
    const [target] = requests.targets();
    expect(target?.endings.get("")?.upstream.sum).toBe(60);
    expect(requests.overhead.get("tools/call")?.sum).toBeCloseTo(0.01);
  });

  test("of a second send that was not answered, the first answer says nothing", () => {
    expect(figures({ timings: { sent: 1_050, answered: 1_040 } }).upstream?.sum).toBeCloseTo(0.05);
  });
});

test("sizes are counted where they are known", () => {
  const requests = counted([{ tool: "a:b", requestBytes: 100, answerBytes: 5_000 }, { tool: "a:b", requestBytes: 300 }, { tool: "a:b" }]);
  const [target] = requests.targets();
  expect(target?.request).toMatchObject({ sum: 400, count: 2 });
  expect(target?.answer).toMatchObject({ sum: 5_000, count: 1 });
});

describe("bounds", () => {
  const many = (count: number, said: (i: number) => Said): Said[] => Array.from({ length: count }, (_, i) => said(i));

  test("after as many sets of labels as there may be, new names are `other` and those that are known go on", () => {
    const requests = counted([...many(30, (i) => ({ tool: `a:t${i}` })), { tool: "a:t0" }], 10);
    expect(lines(requests)).toHaveLength(11);
    expect(lines(requests)).toContain("tools/call a:t0 / 2");
    expect(lines(requests)).toContain("tools/call a:other / 20");
  });

  test("a known name with a new error is `other` too, and what has no name stays as it is", () => {
    const requests = counted(
      [
        ...many(10, (i) => ({ tool: `a:t${i}` })),
        { tool: "a:t0", outcome: { cancelled: "" } },
        { method: "prompts/get", prompt: "a:p" },
        { method: "ping" },
      ],
      10,
    );
    expect(lines(requests).slice(10).sort()).toEqual(["ping : / 1", "prompts/get a:other / 1", "tools/call a:other cancelled/ 1"]);
  });

  test("after as many again everything is `other`: the number of series has an end, and nothing is lost", () => {
    const requests = counted(
      many(5_000, (i) => ({ tool: `upstream${i}:t`, outcome: i % 2 ? { result: {} } : { cancelled: "" } })),
      10,
    );
    expect(requests.series).toBeLessThanOrEqual(22);
    expect(lines(requests)).toHaveLength(requests.series);
    expect(lines(requests).reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)).toBe(5_000);
    expect(lines(requests)).toContain("other other: / 2490");
  });
});

describe("principals", () => {
  test("are not counted unless asked for", () => {
    expect(counted([{ principal: "alice" }]).principals.size).toBe(0);
  });

  test("are counted by how their requests ended, and those after the last that may be shown are `other`", () => {
    const requests = counted(
      [
        { principal: "alice" },
        { principal: "alice", outcome: { result: { isError: true } } },
        { principal: "bob", outcome: { cancelled: "" } },
        { principal: "carol", outcome: hostError("forbidden") },
        { principal: "dave" },
        { principal: "alice" },
      ],
      1_000,
      2,
    );
    expect(Object.fromEntries(requests.principals)).toEqual({
      alice: { well: 2, tool_error: 1, cancelled: 0, error: 0 },
      bob: { well: 0, tool_error: 0, cancelled: 1, error: 0 },
      other: { well: 1, tool_error: 0, cancelled: 0, error: 1 },
    });
  });
});
