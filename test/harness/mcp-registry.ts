import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An entry as its publisher writes it. */
export interface ServerJson {
  readonly name: string;
  readonly version: string;
  readonly [key: string]: unknown;
}

/** What a registry says of an entry beside what the publisher does. */
interface Told {
  readonly status?: string;
  readonly statusMessage?: string;
}

export interface McpRegistry extends AsyncDisposable {
  readonly url: string;
  /** Paths with their queries, as they were asked for. */
  readonly asked: readonly string[];
  /** Has the registry say this of a server. */
  tell(name: string, told: Told): void;
  /** Answers instead of the registry, until it answers `false`. */
  instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
}

/** An MCP registry on loopback that speaks v0.1 of the registry's API, as docs/reference/api/openapi.yaml of modelcontextprotocol/registry has it. */
export async function serveMcpRegistry(servers: readonly ServerJson[]): Promise<McpRegistry> {
  const told = new Map<string, Told>();
  const asked: string[] = [];
  const answer = (server: ServerJson): object => ({
    server: {
      $schema: "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
      description: `What ${server.name} does`,
      ...server,
    },
    _meta: {
      "io.modelcontextprotocol.registry/official": {
        ...{ status: "active", publishedAt: "2026-01-01T00:00:00Z", isLatest: newest(server.name) === server },
        ...told.get(server.name),
      },
    },
  });
  const newest = (name: string): ServerJson | undefined => servers.findLast((server) => server.name === name);
  const isDeleted = ({ name }: ServerJson): boolean => told.get(name)?.status === "deleted";
  const registry: McpRegistry = {
    url: "",
    asked,
    instead: undefined,
    tell: (name, what) => told.set(name, what),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((closed) => http.close(closed));
    },
  };
  const http = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (registry.instead?.(request, response)) return;
    const { pathname, searchParams } = new URL(request.url ?? "", "http://registry");
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    const [, name, version] =
      /^\/v0\.1\/servers\/([^/]+)\/versions(?:\/([^/]+))?$/.exec(pathname)?.map((part) => part && decodeURIComponent(part)) ?? [];
    if (name !== undefined) {
      const own = servers.filter((server) => server.name === name);
      if (version === undefined) return json(own.length > 0 ? 200 : 404, { servers: own.map(answer) });
      const found = version === "latest" ? newest(name) : own.find((server) => server.version === version);
      return found ? json(200, answer(found)) : json(404, { title: "Not Found", status: 404, detail: "Server not found" });
    }
    if (pathname !== "/v0.1/servers") return json(404, { title: "Not Found", status: 404, detail: "no such path" });
    const search = (searchParams.get("search") ?? "").toLowerCase();
    const from = Number(searchParams.get("cursor")?.replace("after:", "") ?? 0);
    const limit = Math.min(100, Number(searchParams.get("limit") ?? 30));
    const all = servers.filter(
      (server) =>
        server.name.includes(search) && (searchParams.get("version") !== "latest" || newest(server.name) === server) && !isDeleted(server),
    );
    const page = all.slice(from, from + limit);
    const next = from + limit < all.length ? { nextCursor: `after:${from + limit}` } : {};
    json(200, { servers: page.map(answer), metadata: { count: page.length, ...next } });
  });
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  const { port } = http.address() as AddressInfo; // it listens on a port
  return Object.assign(registry, { url: `http://127.0.0.1:${port}` });
}
