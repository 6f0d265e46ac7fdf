import {
  Client as ModernClient,
  type ClientOptions as ModernClientOptions,
  StreamableHTTPClientTransport as ModernHttpTransport,
} from "@modelcontextprotocol/client";
import { Client, type ClientOptions } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { Host } from "mcp-host";
import { SocketClient } from "./socket.ts";

/** An SDK client, not yet connected. */
export function sdkClient(capabilities: ClientOptions["capabilities"] = {}): Client {
  return new Client({ name: "test-client", version: "1.2.3" }, { capabilities });
}

/** A client of MCP 2026-07-28 and of nothing else. */
export function modernSdkClient(capabilities: ModernClientOptions["capabilities"] = {}): ModernClient {
  return new ModernClient(
    { name: "modern-client", version: "1.2.3" },
    { capabilities, versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
}

/** What it connects with over HTTP. */
export function modernHttpTransport(url: URL, headers: Record<string, string> = {}): ModernHttpTransport {
  return new ModernHttpTransport(url, { requestInit: { headers } });
}

/** The ways in: what a client connects with. */
export type WayIn = "http" | "stdio" | "memory" | "sse" | "websocket";

export function httpTransport(url: URL, headers: Record<string, string> = {}): StreamableHTTPClientTransport {
  return new StreamableHTTPClientTransport(url, { requestInit: { headers } });
}

/** HTTP+SSE, beside the endpoint. */
export function sseTransport(url: URL, headers: Record<string, string> = {}): SSEClientTransport {
  return new SSEClientTransport(new URL("/sse", url), { requestInit: { headers } });
}

/** WebSocket, beside the endpoint. The SDK's own transport needs a global that Node 20 lacks. */
export function socketTransport(url: URL): Transport {
  let client: SocketClient | undefined;
  const transport: Transport = {
    async start() {
      client = await SocketClient.open(url);
      client.socket.on("message", (data) => transport.onmessage?.(JSON.parse(String(data))));
      client.socket.on("close", () => transport.onclose?.());
    },
    async send(message) {
      client?.send(message);
    },
    async close() {
      client?.socket.close();
    },
  };
  return transport;
}

export function stdioTransport(command: string, args: string[], env: Record<string, string> = {}): StdioClientTransport {
  return new StdioClientTransport({ command, args, env: { ...(process.env as Record<string, string>), ...env }, stderr: "pipe" });
}

/** Connects in process; gives the client's half. */
export async function memoryTransport(host: Host): Promise<Transport> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await host.connect(theirs);
  return ours;
}
