import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** An MCP server over HTTP that lets only some credentials in, and a token endpoint, both on loopback. */
export interface Guarded extends AsyncDisposable {
  readonly url: string;
  readonly tokenUrl: string;
  /** The Authorization headers that are let in. */
  readonly accepted: Set<string>;
  /** Set to have GET streams: whom they are for, and who asked for one. */
  streams: { readonly accepted: Set<string>; readonly asked: string[] } | undefined;
  /** Headers of every POST, in order. */
  readonly requests: IncomingHttpHeaders[];
  /** Set to have refusals tell what is wanted: the values of `WWW-Authenticate`. */
  challenges: readonly string[];
  /** Authorization headers with too little scope for calls of tools: they are refused with 403 and this challenge. */
  readonly narrow: Map<string, string>;
  /** Requests to the token endpoint: the form and the Authorization header. */
  readonly grants: { form: Record<string, string>; authorization: string | undefined }[];
  /** What the token endpoint answers; default: a new token, which is let in, for an hour. */
  grant: (() => { status: number; body: unknown }) | undefined;
}

const TOOL = { name: "whoami", inputSchema: { type: "object" } };

export async function guarded(accepted: readonly string[] = []): Promise<Guarded> {
  const let_in = new Set(accepted);
  const requests: IncomingHttpHeaders[] = [];
  const grants: Guarded["grants"] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const json = (status: number, body: unknown): void => {
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      };
      if (request.url === "/token") {
        grants.push({ form: Object.fromEntries(new URLSearchParams(text)), authorization: request.headers.authorization });
        if (guard.grant) {
          const { status, body } = guard.grant();
          return json(status, body);
        }
        const token = `granted-token-${grants.length}`;
        let_in.add(`Bearer ${token}`);
        return json(200, { access_token: token, token_type: "Bearer", expires_in: 3600 });
      }
      if (request.method === "GET" && guard.streams) {
        const isAccepted = guard.streams.accepted.has(request.headers.authorization ?? "");
        guard.streams.asked.push(request.headers.authorization ?? "");
        response.writeHead(isAccepted ? 200 : 401, { "content-type": "text/event-stream" });
        if (isAccepted) response.flushHeaders();
        else response.end();
        return;
      }
      if (request.method !== "POST") return void response.writeHead(405).end();
      requests.push(request.headers);
      if (!let_in.has(request.headers.authorization ?? "")) {
        if (guard.challenges.length > 0) response.setHeader("www-authenticate", guard.challenges);
        return json(401, { error: "who are you", headers: request.headers });
      }
      const { id, method } = JSON.parse(text) as { id?: number; method: string };
      const narrow = guard.narrow.get(request.headers.authorization ?? "");
      if (narrow !== undefined && method === "tools/call") {
        response.setHeader("www-authenticate", narrow);
        return json(403, { error: "more scope" });
      }
      if (id === undefined) return void response.writeHead(202).end();
      json(200, { jsonrpc: "2.0", id, result: resultOf(method, request.headers) });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const guard: Guarded = {
    url: `http://127.0.0.1:${port}/mcp`,
    tokenUrl: `http://127.0.0.1:${port}/token`,
    accepted: let_in,
    streams: undefined,
    requests,
    grants,
    grant: undefined,
    challenges: [],
    narrow: new Map(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return guard;
}

function resultOf(method: string, headers: IncomingHttpHeaders): unknown {
  if (method === "initialize")
    return { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "guarded", version: "1" } };
  if (method === "tools/list") return { tools: [TOOL] };
  if (method === "tools/call") return { content: [{ type: "text", text: headers.authorization ?? "nobody" }] };
  return {};
}
