import { join } from "node:path";
import { type Home, home, type Running, start, urlOf } from "../../../test/harness/cli.ts";
import { ROOT, upstream } from "../../../test/harness/hosts.ts";

/** Tokens by the scope that each has. */
export const TOKENS = {
  read: "reader-0123456789abcdefghij",
  operate: "operator-0123456789abcdefgh",
  configure: "configurer-0123456789abcdef",
} as const;

export type Scope = keyof typeof TOKENS;

/** What must never be seen of the config. */
export const CANARY = "canary-5d41402abc4b2a76";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

export interface AdminHost extends AsyncDisposable {
  readonly at: Home;
  readonly running: Running;
  /** The variables that its config refers to. */
  readonly env: Record<string, string>;
  /** Of the config's file. */
  readonly file: string;
  /** Of the API, with a slash at its end. */
  readonly base: URL;
  ask(method: string, path: string, as?: Scope | { readonly headers: Record<string, string> }, body?: unknown): Promise<Answer>;
}

const tokens = Object.entries(TOKENS).map(([scope]) => ({ name: scope, token: `\${env:ADMIN_${scope.toUpperCase()}}`, scope }));

export function configWith(options: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    mcpServers: {
      near: upstream({ name: "near" }),
      off: { command: process.execPath, args: ["--version"], disabled: true, env: { HIDDEN: CANARY } },
      far: { url: "http://127.0.0.1:9/mcp", start: "lazy", headers: { "x-team": CANARY, Authorization: "Bearer ${FAR}" } },
    },
    plugins: ["@host/plugin-cache", ["@host/plugin-admin", { tokens, ...options }], "./hears.mjs"],
  };
}

/** A plugin that logs what it is told of operators. */
const HEARS = `
import { definePlugin } from "${join(ROOT, "packages/host/dist/index.js")}";
export default definePlugin({
  name: "hears",
  host: "^1.0.0",
  apply: (host) => host.hooks.operated.tap("hears", (event) => host.log.info("operated", event)),
});
`;

/** A host in a process of its own, as `mcp-host start` makes it. */
export async function adminHost(config: Record<string, unknown> = configWith()): Promise<AdminHost> {
  const at = home(config, { "hears.mjs": HEARS });
  const env: Record<string, string> = Object.fromEntries(
    Object.entries(TOKENS).map(([scope, token]) => [`ADMIN_${scope.toUpperCase()}`, token]),
  );
  env.FAR = `${CANARY}-far`;
  const running = start(at, ["start", "--port", "0", "--log-format", "json"], env);
  const base = new URL("/admin/api/v1/", await urlOf(running));
  return {
    at,
    running,
    env,
    file: join(at.path, "mcp-host.config.json"),
    base,
    ask: (...asked) => ask(base, ...asked),
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      at[Symbol.dispose]();
    },
  };
}

export async function ask(
  base: URL,
  method: string,
  path: string,
  as?: Scope | { readonly headers: Record<string, string> },
  body?: unknown,
): Promise<Answer> {
  const who = typeof as === "string" ? { authorization: `Bearer ${TOKENS[as]}` } : as?.headers;
  const response = await fetch(new URL(path.replace(/^\//, ""), base), {
    method,
    headers: { ...who, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
}
