import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { httpTransport, sdkClient } from "../../../test/harness/clients.ts";
import { type AdminHost, adminHost, type Scope, TOKENS } from "./running.ts";

interface Operation {
  readonly operationId: string;
  readonly "x-scope": Scope;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: unknown;
}

type Paths = Record<string, Record<string, Operation>>;

const SCOPES = Object.keys(TOKENS) as Scope[];

let admin: AdminHost;
let paths: Paths;

beforeAll(async () => {
  admin = await adminHost();
  paths = (await admin.ask("GET", "openapi.json", "read")).body.paths as Paths;
}, 60_000);

afterAll(() => admin[Symbol.asyncDispose](), 30_000);

/** What each operation of the document is asked here, and the statuses that it has for whoever may. */
const SAMPLES: Record<string, { readonly path?: string; readonly body?: unknown; readonly is?: number }> = {
  "GET /mode": {},
  "GET /status": {},
  "GET /health": {},
  "GET /stats": {},
  "GET /pipeline": {},
  "GET /servers": {},
  "GET /servers/{name}": { path: "/servers/near" },
  "GET /servers/{name}/catalog": { path: "/servers/near/catalog?kind=tool" },
  "POST /servers/{name}/reconnect": { path: "/servers/near/reconnect" },
  "POST /servers/{name}/enable": { path: "/servers/near/enable" },
  "POST /servers/{name}/disable": { path: "/servers/off/disable" },
  "GET /catalog": { path: "/catalog?limit=1&definitions=true" },
  "GET /conflicts": {},
  "GET /profiles": {},
  "GET /reports": {},
  "GET /clients": {},
  "DELETE /clients/{client}": { path: "/clients/nobody", is: 404 },
  "GET /calls": { path: "/calls?limit=10" },
  "GET /calls/{id}": { path: "/calls/none", is: 404 },
  "GET /logs": { path: "/logs?lines=10&level=info" },
  "GET /logs/stream": {},
  "GET /trace/stream": {},
  "GET /config": {},
  "POST /config/change": { body: { edits: [{ path: ["drain"], value: "7s" }], dry: true } },
  "GET /config/history": {},
  "POST /config/restore": { body: { number: 1_000 }, is: 404 },
  "POST /reload": {},
  "GET /whoami": {},
  "POST /plugins/cache/stats": {},
  "POST /plugins/cache/clear": { body: { pattern: "*" } },
  "POST /setup": {},
  "POST /drain": {},
  "POST /resume": {},
  "POST /stop": {},
};

const operations = (): [string, Operation][] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]),
  );

/** Only the head of an answer: that of a stream has no end. */
async function statusOf(key: string, as: Scope | undefined): Promise<number> {
  const [method = "", path = ""] = key.split(" ");
  const { path: asked = path, body } = SAMPLES[key] ?? {};
  const end = new AbortController();
  const response = await fetch(new URL(asked.slice(1), admin.base), {
    method,
    signal: end.signal,
    headers: { ...(as && { authorization: `Bearer ${TOKENS[as]}` }), ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  end.abort();
  return response.status;
}

test("the document is OpenAPI 3.1 that validates, and has an operation for each route", async () => {
  const { body } = await admin.ask("GET", "openapi.json", "read");
  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(body));
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
  expect(validator.version).toBe("3.1");
  expect(
    operations()
      .map(([key]) => key)
      .sort(),
  ).toEqual(Object.keys(SAMPLES).sort());
  const ids = operations().map(([, { operationId }]) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test("every route is refused without a token and with less than its scope, and nothing was done", async () => {
  for (const [key, { "x-scope": needed }] of operations()) {
    expect(await statusOf(key, undefined), key).toBe(401);
    if (key === "POST /setup") {
      // No token of an operator is a ticket, whatever else it is good for.
      for (const scope of SCOPES) expect(await statusOf(key, scope), `${key} as ${scope}`).toBe(401);
      continue;
    }
    for (const scope of SCOPES.slice(0, SCOPES.indexOf(needed))) expect(await statusOf(key, scope), `${key} as ${scope}`).toBe(403);
  }
  expect(await admin.ask("GET", "whoami", "operate")).toMatchObject({ status: 200, body: { who: "admin:operate", scope: "operate" } });
});

test("every route does its work for each scope that is enough", async () => {
  for (const [key, { "x-scope": needed }] of operations()) {
    if (key === "POST /stop" || key === "POST /setup") continue; // at the end; for no scope
    for (const scope of SCOPES.slice(SCOPES.indexOf(needed)))
      expect(await statusOf(key, scope), `${key} as ${scope}`).toBe(SAMPLES[key]?.is ?? 200);
  }
}, 60_000);

/** A client that knows nothing but the document. */
function clientFrom(document: { servers: { url: string }[]; paths: Paths }, origin: URL, token: string) {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters = [], requestBody }]) => {
      const call = async (given: Record<string, unknown> = {}): Promise<Record<string, unknown>> => {
        const url = new URL(
          document.servers[0]?.url + path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(given[name]))),
          origin,
        );
        for (const { name, in: where } of parameters)
          if (where === "query" && given[name] !== undefined) url.searchParams.set(name, String(given[name]));
        const response = await fetch(url, {
          method: method.toUpperCase(),
          headers: { authorization: `Bearer ${token}`, ...(requestBody !== undefined && { "content-type": "application/json" }) },
          ...(requestBody !== undefined && { body: JSON.stringify(given.body ?? {}) }),
        });
        const body = (await response.json()) as Record<string, unknown>;
        if (!response.ok) throw new Error(String(body.detail));
        return body;
      };
      return [operationId, call] as const;
    }),
  );
  return Object.fromEntries(entries);
}

test("a client made from the document works", async () => {
  const { body } = await admin.ask("GET", "openapi.json", "read");
  const client = clientFrom(body as unknown as Parameters<typeof clientFrom>[0], admin.base, TOKENS.configure);
  expect(await client.get_servers_name?.({ name: "near" })).toMatchObject({ name: "near", state: "ready" });
  await expect(client.get_servers_name?.({ name: "none" })).rejects.toThrow("there is none");
  const first = await client.get_catalog?.({ kind: "tool", limit: 2 });
  expect(first).toMatchObject({ entries: [{ kind: "tool", upstream: "near" }, { kind: "tool" }], nextCursor: expect.any(String) });
  const second = await client.get_catalog?.({ kind: "tool", limit: 2, cursor: first?.nextCursor });
  expect(second?.entries).not.toEqual(first?.entries);
  expect(second?.total).toBe(first?.total);
  expect(await client.post_servers_name_reconnect?.({ name: "near" })).toEqual({});
  expect(await client.post_plugins_cache_clear?.({ body: { pattern: "*" } })).toEqual({ dropped: expect.any(Number) });
  await expect(client.post_plugins_cache_clear?.({ body: {} })).rejects.toThrow("params.pattern");
  await expect(client.get_catalog?.({ kind: "nonsense" })).rejects.toThrow("params.kind");
});

test("who calls, with what outcome, can be looked at, and a client can be ended", async () => {
  const client = sdkClient();
  await client.connect(httpTransport(new URL("/mcp", admin.base)));
  await client.callTool({ name: "echo", arguments: { a: 1 } });
  await client.callTool({ name: "fail" }).catch(() => {});
  const { body } = await admin.ask("GET", "calls?method=tools/call", "read");
  expect(body.calls).toMatchObject([
    { method: "tools/call", entry: "fail", outcome: "error -32050" },
    { method: "tools/call", entry: "echo", upstream: "near", outcome: "ok", principal: "anonymous" },
  ]);
  const [, { id }] = body.calls as [unknown, { id: string }];
  expect((await admin.ask("GET", `calls/${id}`, "read")).body).toMatchObject({ call: { id, entry: "echo" } });
  const { clients } = (await admin.ask("GET", "clients", "read")).body as { clients: { id: string; name: string }[] };
  expect(clients).toHaveLength(1);
  expect((await admin.ask("DELETE", `clients/${clients[0]?.id}`, "operate")).status).toBe(200);
  expect((await admin.ask("GET", "clients", "read")).body).toEqual({ clients: [] });
  await client.close().catch(() => {});
});

/** Reads events until one of them has a text. */
async function eventWith(path: string, words: string, meanwhile: () => Promise<unknown>): Promise<string> {
  const end = new AbortController();
  const late = setTimeout(() => end.abort(), 30_000);
  const response = await fetch(new URL(path, admin.base), { headers: { authorization: `Bearer ${TOKENS.read}` }, signal: end.signal });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  let text = "";
  let isAsked = false;
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (!isAsked && text !== "") {
        isAsked = true;
        await meanwhile();
      }
      const event = text.split("\n\n").find((each) => each.startsWith("data: ") && each.includes(words));
      if (event !== undefined) return event.slice("data: ".length);
    }
    throw new Error(`the stream ended without ${words}: ${text}`);
  } finally {
    clearTimeout(late);
    end.abort();
  }
}

test("the log and the trace come as events", async () => {
  const line = await eventWith("logs/stream?lines=5&level=info", "the config was read again", () => admin.ask("POST", "reload", "operate"));
  expect(JSON.parse(line)).toMatchObject({ level: "info" });
  const client = sdkClient();
  await client.connect(httpTransport(new URL("/mcp", admin.base)));
  const record = await eventWith("trace/stream?tool=echo", '"entry":"echo"', () => client.callTool({ name: "echo", arguments: {} }));
  expect(JSON.parse(record)).toMatchObject({ entry: "echo", outcome: "ok", spans: expect.any(Array) });
  await client.close();
  expect((await admin.ask("GET", "trace/stream?plugin=nobody", "read")).body).toMatchObject({
    status: 400,
    type: "urn:mcp-host:error:invalid_params",
  });
  const { body } = await admin.ask("GET", "logs?level=info&lines=1000", "read");
  expect(body.lines).toContainEqual(expect.objectContaining({ level: "info", message: "the config was read again" }));
});

test("the page and its files are there for everybody, with a policy that lets nothing else in, and hold nothing of the host", async () => {
  for (const [file, type] of [
    ["docs", "text/html"],
    ["docs/page.js", "text/javascript"],
    ["docs/page.css", "text/css"],
  ] as const) {
    const { status, headers, text } = await admin.ask("GET", file);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain(type);
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("content-security-policy")).not.toMatch(/unsafe|\*|http/);
    expect(text).not.toMatch(/https?:\/\/|innerHTML|near/);
  }
  expect((await admin.ask("GET", "docs/other")).status).toBe(401);
});

test("a stop over the API ends the host, and whoever asked is answered", async () => {
  expect(await admin.ask("POST", "stop", "operate")).toMatchObject({ status: 200, body: { drain: expect.any(Number) } });
  await vi.waitFor(() => expect(admin.running.child.exitCode).toBe(0), { timeout: 20_000 });
});
