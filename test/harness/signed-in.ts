import { type OAuthOptions, oauth } from "@host/plugin-oauth";
import { type Config, definePlugin, type Plugin, SECRET_STORE, type SecretStore } from "mcp-host";
import { vi } from "vitest";
import {
  type AuthorizationServer,
  authorizationServer,
  browse,
  type ProtectedServer,
  protectedServer,
} from "../fixtures/authorization.mjs";
import { memoryTransport, sdkClient } from "./clients.ts";
import { startHost, type TestHost } from "./hosts.ts";

/** Secrets that several hosts share, as processes of a machine do. */
export class SharedSecrets {
  readonly values = new Map<string, { value: unknown; until: number }>();
  readonly #leases = new Set<string>();
  readonly #listeners = new Set<(message: unknown) => void>();

  /** A plugin that provides them. */
  get plugin(): Plugin {
    const store: SecretStore = {
      get: async (key) => this.#get(key),
      set: async (key, value, ttl = Number.POSITIVE_INFINITY) => {
        if (value === undefined) this.values.delete(key);
        else this.values.set(key, { value: structuredClone(value), until: Date.now() + ttl });
      },
      delete: async (key) => void this.values.delete(key),
      increment: async () => 0,
      update: async (key, change) => {
        const value = change(this.#get(key));
        if (value === undefined) this.values.delete(key);
        else this.values.set(key, { value: structuredClone(value), until: this.values.get(key)?.until ?? Number.POSITIVE_INFINITY });
        return value;
      },
      lease: async (name) => {
        if (this.#leases.has(name)) return undefined;
        this.#leases.add(name);
        return { renew: async () => true, release: async () => void this.#leases.delete(name) };
      },
      publish: async (_channel, message) => {
        for (const listener of this.#listeners) listener(message);
      },
      subscribe: (_channel, listener) => {
        this.#listeners.add(listener);
        return () => void this.#listeners.delete(listener);
      },
      keys: async () => [...this.values.keys()],
    };
    return definePlugin({ name: "secrets", host: "^1.0.0", apply: (host) => host.provide(SECRET_STORE, () => store) })();
  }

  #get(key: string): unknown {
    const kept = this.values.get(key);
    return kept && Date.now() < kept.until ? structuredClone(kept.value) : undefined;
  }
}

/** One authorization server, one MCP server that takes its tokens, and hosts before them. */
export interface World extends AsyncDisposable {
  readonly as: AuthorizationServer;
  readonly server: ProtectedServer;
  readonly secrets: SharedSecrets;
  host(options?: OAuthOptions, config?: Partial<Config>): Promise<TestHost>;
}

export async function world({
  as: given = {},
  server: protects = {},
}: {
  as?: Parameters<typeof authorizationServer>[0];
  server?: Partial<Parameters<typeof protectedServer>[0]>;
} = {}): Promise<World> {
  const as = await authorizationServer(given);
  const server = await protectedServer({ issuer: as.issuer, token: as.token, ...protects });
  const secrets = new SharedSecrets();
  const hosts: TestHost[] = [];
  return {
    as,
    server,
    secrets,
    async host(options = {}, config = {}) {
      const made = await startHost({
        listen: null,
        mcpServers: { up: { url: server.url } },
        ...config,
        plugins: [secrets.plugin, ...(config.plugins ?? []), oauth({ callback: { port: 0 }, ...options })],
      });
      hosts.push(made);
      return made;
    },
    async [Symbol.asyncDispose]() {
      for (const each of hosts) await each.host.close();
      await server[Symbol.asyncDispose]();
      await as[Symbol.asyncDispose]();
    },
  };
}

export interface Outcome {
  readonly state: string;
  readonly message: string;
  /** What the browser showed last. */
  readonly page: string;
}

/** Signs a host in, as `mcp-host login` and a person at a browser do. */
export async function signIn({ host }: TestHost, server = "up"): Promise<Outcome> {
  const { id, url } = (await host.operator.run("oauth:begin", { server })) as { id: string; url: string };
  const { body } = await browse(url);
  const outcome = (await host.operator.run("oauth:wait", { id })) as unknown as Outcome;
  return { ...outcome, page: body };
}

/** Has it connected, and waits until nobody needs to wait for the server any more, one way or the other; gives where it stands. */
export async function settled({ host }: TestHost, wanted?: string): Promise<{ state: string | undefined; reason: string | undefined }> {
  host.listTools().catch(() => {}); // without a network front the first client has servers connected
  await vi.waitFor(() => {
    const state = host.status().upstreams[0]?.state;
    if (wanted === undefined ? state === "connecting" || state === "idle" || state === "draining" : state !== wanted)
      throw new Error(`it is ${state}`);
  });
  const [{ state, reason } = { state: undefined, reason: undefined }] = host.status().upstreams;
  return { state, reason };
}

/** A client of a host in this process. */
export async function clientOf({ host }: TestHost): Promise<ReturnType<typeof sdkClient>> {
  const client = sdkClient();
  await client.connect(await memoryTransport(host));
  return client;
}

/** Lets the day go on, for everybody. */
export function later(milliseconds: number): void {
  if (!vi.isFakeTimers()) vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  vi.setSystemTime(Date.now() + milliseconds);
}
