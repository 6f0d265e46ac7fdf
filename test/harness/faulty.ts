import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Message } from "../fixtures/upstream.mjs";
import { answerTo } from "./faulty-wires.ts";

export interface Faulty extends AsyncDisposable {
  url: string;
  /** Every request so far; `message` where it had a body. */
  readonly requests: { method: string; headers: http.IncomingHttpHeaders; message?: Message }[];
  /** Every tools/call so far. */
  calls(): Message[];
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

export interface FaultyOptions {
  /** Where it is: if not at its URL, every request there is redirected. */
  at?: string;
  /** Answers a GET; without, there is no standing stream (405). */
  get?: (response: http.ServerResponse, nth: number, request: http.IncomingMessage) => void;
}

/**
 * An upstream over HTTP in this process with the tools `ok` and `bad`, which does everything well but answers calls of `bad` as the test
 * says, on the bare response.
 */
export async function faulty(
  answer: (response: http.ServerResponse, message: Message, nth: number) => void,
  { at = "/mcp", get }: FaultyOptions = {},
): Promise<Faulty> {
  const requests: Faulty["requests"] = [];
  let sessions = 0;
  let gets = 0;
  const calls = () => requests.flatMap(({ message }) => (message?.method === "tools/call" ? [message] : []));
  const server = http.createServer(async (request, response) => {
    const { method = "", headers } = request;
    let body = "";
    for await (const chunk of request) body += chunk;
    if (at !== "/mcp" && request.url !== at) return response.writeHead(307, { location: at }).end();
    if (method !== "POST") {
      requests.push({ method, headers });
      if (method === "GET" && get) return get(response, ++gets, request);
      return response.writeHead(method === "DELETE" ? 200 : 405).end();
    }
    const message: Message = JSON.parse(body);
    requests.push({ method, headers, message });
    if (message.id === undefined) return response.writeHead(202).end();
    if (message.method === "tools/call" && message.params.name === "bad") return answer(response, message, calls().length);
    if (message.method === "initialize") response.setHeader("mcp-session-id", `session-${++sessions}`);
    response.writeHead(200, { "content-type": "application/json" });
    return response.end(answerTo(message));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}/mcp`, requests, calls, close, [Symbol.asyncDispose]: close };
}
