import http from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Message } from "../fixtures/upstream.mjs";

/** An upstream in this process with the tools `ok` and `bad`, which does everything well save what the test says. */
export interface FaultyWire extends AsyncDisposable {
  url: string;
  /** The head of every request so far. */
  readonly heads: { method: string; url: string; headers: http.IncomingHttpHeaders }[];
  /** Every tools/call so far. */
  readonly calls: Message[];
  close(): Promise<void>;
}

const tool = (name: string) => ({ name, inputSchema: { type: "object" } });

const RESULTS: Record<string, (message: Message) => Message> = {
  initialize: ({ params }) => ({
    protocolVersion: params.protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "faulty", version: "1" },
  }),
  "tools/list": () => ({ tools: [tool("ok"), tool("bad")] }),
  "tools/call": () => ({ content: [{ type: "text", text: "ok" }] }),
  ping: () => ({}),
};

/** The answer of an upstream that does well, as JSON. */
export const answerTo = (message: Message): string =>
  JSON.stringify({ jsonrpc: "2.0", id: message.id, result: RESULTS[message.method]?.(message) ?? {} });

const isBad = ({ method, params }: Message): boolean => method === "tools/call" && params.name === "bad";

export interface SseFaults {
  /** Answers a GET itself where it gives true. */
  get?: (response: http.ServerResponse, nth: number, request: http.IncomingMessage) => boolean;
  /** Answers the POST of a call of `bad` itself where it gives true. */
  post?: (response: http.ServerResponse, message: Message, nth: number, stream: http.ServerResponse | undefined) => boolean;
  /** What comes on the stream instead of the answer to a call of `bad`. */
  call?: (stream: http.ServerResponse, message: Message, nth: number) => void;
  /** Data of the `endpoint` event. */
  endpoint?: string;
}

/** Over the SSE of old. */
export async function faultySse(faults: SseFaults): Promise<FaultyWire> {
  const heads: FaultyWire["heads"] = [];
  const calls: Message[] = [];
  let gets = 0;
  let stream: http.ServerResponse | undefined;
  const server = http.createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    heads.push({ method, url, headers });
    let body = "";
    for await (const chunk of request) body += chunk;
    if (method === "GET") {
      if (faults.get?.(response, ++gets, request)) return;
      stream = response;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`event: endpoint\ndata: ${faults.endpoint ?? "/messages"}\n\n`);
      return;
    }
    if (!url.startsWith("/messages")) return void response.writeHead(405).end();
    const message: Message = JSON.parse(body);
    if (message.method === "tools/call") calls.push(message);
    if (isBad(message) && faults.post?.(response, message, calls.length, stream)) return;
    response.writeHead(202).end();
    if (message.id === undefined || !stream) return;
    if (isBad(message) && faults.call) faults.call(stream, message, calls.length);
    else stream.write(`event: message\ndata: ${answerTo(message)}\n\n`);
  });
  const { url, close } = await listening(server);
  return { url: `${url}/sse`, heads, calls, close, [Symbol.asyncDispose]: close };
}

export interface WebSocketFaults {
  /** Answers the handshake itself where it gives true. */
  upgrade?: (socket: Duplex, nth: number) => boolean;
  /** What comes instead of the answer to a call of `bad`. */
  call?: (socket: WebSocket, message: Message, nth: number) => void;
  /** Default: the one that MCP has. */
  subprotocol?: false;
}

/** Over WebSocket. */
export async function faultyWebSocket(faults: WebSocketFaults): Promise<FaultyWire> {
  const heads: FaultyWire["heads"] = [];
  const calls: Message[] = [];
  const wss = new WebSocketServer({ noServer: true, handleProtocols: () => (faults.subprotocol === false ? false : "mcp") });
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    const { method = "", url = "", headers } = request;
    heads.push({ method, url, headers });
    socket.on("error", () => {}); // closed by the host
    if (faults.upgrade?.(socket, heads.length)) return;
    wss.handleUpgrade(request, socket, head, (client) => {
      client.on("error", () => {}); // close follows
      client.on("message", (data) => {
        const message: Message = JSON.parse(String(data));
        if (message.method === "tools/call") calls.push(message);
        if (message.id === undefined) return;
        if (isBad(message) && faults.call) faults.call(client, message, calls.length);
        else client.send(answerTo(message));
      });
    });
  });
  const { url, close } = await listening(server);
  const end = async (): Promise<void> => {
    for (const client of wss.clients) client.terminate();
    await close();
  };
  return { url: url.replace("http:", "ws:"), heads, calls, close: end, [Symbol.asyncDispose]: end };
}

/** Listens on a free port of the loopback interface. Sockets that were upgraded are not the server's any more, but end here too. */
export async function listening(server: Server): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      for (const socket of sockets) socket.destroy();
    });
  return { url: `http://127.0.0.1:${port}`, close };
}
