import { join } from "node:path";
import { PassThrough } from "node:stream";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import type { Config, Host } from "mcp-host";
import { expect, vi } from "vitest";
import { serveEra } from "../../fixtures/eras.mjs";
import { onLines } from "../../fixtures/lines.mjs";
import { httpTransport, socketTransport, stdioTransport } from "../../harness/clients.ts";
import { BIN, MARKED, ROOT, startHost, type TestHost, temporary } from "../../harness/hosts.ts";
import type { ClientKind, Front, Server } from "./cells.mjs";
import { type AnyTransport, connect, type Person } from "./person.ts";

const FIXTURE = join(ROOT, "test/fixtures/eras.mjs");

/** One host with what is behind it, by one way in. A client over stdio has a host of its own. */
export class Bench {
  readonly #front: Front;
  readonly #servers: readonly Server[];
  readonly #ends: (() => Promise<unknown>)[] = [];
  #config: Config | undefined;
  #shared: TestHost | undefined;

  constructor(front: Front, servers: readonly Server[]) {
    this.#front = front;
    this.#servers = servers;
  }

  async start(): Promise<void> {
    const mcpServers: Config["mcpServers"] = {};
    for (const { key, kind, wire } of this.#servers) {
      if (wire === "stdio")
        mcpServers[key] = { command: process.execPath, args: [FIXTURE, kind, `${key}_`], env: MARKED, relayRoots: true };
      else {
        const server = await serveEra(kind, `${key}_`);
        this.#ends.push(() => server.close());
        mcpServers[key] = { url: server.url };
      }
    }
    this.#config = { mcpServers };
    if (this.#front === "stdio") return;
    const running = await startHost({ ...this.#config, listen: { websocket: this.#front === "websocket" } });
    this.#shared = running;
    this.#ends.push(() => running.host.close());
  }

  async person(client: ClientKind): Promise<Person> {
    const person = await connect(client, await this.#transport(client));
    this.#ends.push(() => person.client.close());
    // A server that is slow to start is listed when it is there.
    await vi.waitFor(async () => {
      const names = (await person.client.listTools()).tools.map(({ name }) => name);
      for (const { key } of this.#servers) expect(names).toContain(`${key}_echo`);
    });
    return person;
  }

  async #transport(client: ClientKind): Promise<AnyTransport> {
    const { url } = this.#shared ?? {};
    if (!url) return this.#servers.length > 1 ? this.#process(client) : this.#pipes();
    if (this.#front === "websocket") return socketTransport(url) as AnyTransport;
    return (client === "v1" ? httpTransport(url) : new StreamableHTTPClientTransport(url)) as AnyTransport;
  }

  /** The command that ships, as clients start it. */
  #process(client: ClientKind): AnyTransport {
    const folder = temporary({ "mcp-host.config.json": JSON.stringify(this.#config) });
    this.#ends.push(async () => folder[Symbol.dispose]());
    const args = [BIN, "start", "stdio", "--config", join(folder.path, "mcp-host.config.json"), "--log-level", "error"];
    const env = { ...(process.env as Record<string, string>), ...MARKED }; // none of it is undefined
    if (client === "v1") return stdioTransport(process.execPath, args, MARKED) as AnyTransport;
    return new StdioClientTransport({ command: process.execPath, args, env, stderr: "ignore" }) as AnyTransport;
  }

  /** The standard streams of a host in this process: processes take their time. */
  async #pipes(): Promise<AnyTransport> {
    const { host } = await startHost({ mcpServers: this.#config?.mcpServers ?? {}, listen: null });
    return linesTo(host, (end) => this.#ends.push(end));
  }

  async close(): Promise<void> {
    // Clients before their host, the host before its servers.
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}

/** A client's end of a host's standard streams. */
function linesTo(host: Host, onEnd: (end: () => Promise<void>) => void): AnyTransport {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const gone = host.serveStdio({ input, output });
  onEnd(async () => {
    input.end();
    await gone;
    await host.close();
  });
  const transport: AnyTransport = {
    async start() {
      onLines(output, (line: string) => transport.onmessage?.(JSON.parse(line)));
    },
    async send(message: unknown) {
      input.write(`${JSON.stringify(message)}\n`);
    },
    async close() {
      transport.onclose?.();
    },
  };
  return transport;
}
