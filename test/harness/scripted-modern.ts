import http from "node:http";
import { expect, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { listening } from "./faulty-wires.ts";

export const DISCOVERED = {
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: { listChanged: true }, resources: { subscribe: true } },
  resultType: "complete",
};
export const TOOLS = { tools: ["ok", "bad"].map((name) => ({ name, inputSchema: { type: "object" } })), resultType: "complete" };
export const OK = { content: [{ type: "text", text: "ok" }], resultType: "complete" };
export const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId";

/** Gives a result, an error as `{ code, message }`, or nothing where it answers itself. @param nth of its method, from 1 on */
export type Answering = (message: Message, response: http.ServerResponse, nth: number) => Message | undefined;

export interface ScriptedModern extends AsyncDisposable {
  readonly url: string;
  /** What came so far. */
  readonly received: readonly Message[];
  /** The methods of that. */
  methods(): string[];
  /** Every subscriptions/listen so far. */
  listens(): Message[];
  /** Answers that are not over. */
  readonly open: ReadonlySet<http.ServerResponse>;
}

/** A server of 2026-07-28 on bare HTTP that does everything well save what the test says, by method. */
export async function scriptedModern(answers: Record<string, Answering> = {}): Promise<ScriptedModern> {
  const received: Message[] = [];
  const open = new Set<http.ServerResponse>();
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.method !== "POST") return void response.writeHead(405).end();
    const message: Message = JSON.parse(body);
    received.push(message);
    open.add(response);
    response.once("close", () => open.delete(response));
    const nth = received.filter(({ method }) => method === message.method).length;
    const usual: Record<string, Answering> = {
      "server/discover": () => DISCOVERED,
      "tools/list": () => TOOLS,
      "tools/call": () => OK,
      "subscriptions/listen"({ id, params }, stream) {
        const told = { notifications: params.notifications, _meta: { [SUBSCRIPTION]: id } };
        say(stream, { method: "notifications/subscriptions/acknowledged", params: told });
        return undefined;
      },
    };
    const answer = answers[message.method] ?? usual[message.method] ?? (() => ({ code: -32601, message: "Method not found" }));
    const given: Message | undefined = answer(message, response, nth);
    if (!given) return;
    const isError = typeof given.code === "number";
    const status = !isError ? 200 : given.code === -32601 ? 404 : 400;
    if (!response.headersSent) response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...(isError ? { error: given } : { result: given }) }));
  });
  const { url, close } = await listening(server);
  const methods = (): string[] => received.map(({ method }) => method);
  const listens = (): Message[] => received.filter(({ method }) => method === "subscriptions/listen");
  return { url: `${url}/mcp`, received, methods, listens, open, [Symbol.asyncDispose]: close };
}

/** Writes a message on the stream of an answer. */
export function say(response: http.ServerResponse, message: Message): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`);
}

export const ready = (running: { host: { status(): { upstreams: unknown[] } } }) =>
  vi.waitFor(() => expect(running.host.status().upstreams).toMatchObject([{ state: "ready", entries: { tools: 2 } }]));
