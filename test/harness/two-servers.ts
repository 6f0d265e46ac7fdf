import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Config } from "mcp-host";
import { afterAll, beforeAll } from "vitest";
import { httpTransport, sdkClient, stdioTransport } from "./clients.ts";
import { httpProcess, ROOT, startHost, upstream } from "./hosts.ts";

export interface Served extends AsyncDisposable {
  readonly client: Client;
}

/** Two scripted servers for the tests of a file: `one` over stdio, `two` over HTTP. */
export function twoServers(): {
  /** They, as a config has them. Only within tests. */
  servers(): { one: ReturnType<typeof upstream>; two: { url: string } };
  /** A client of a host with both and these plugins, over HTTP or over the standard streams of a process. */
  serve(way: "http" | "stdio", plugins: (string | [string, unknown])[]): Promise<Served>;
} {
  let http: Awaited<ReturnType<typeof httpProcess>>;
  beforeAll(async () => {
    http = await httpProcess("upstream", ["http", "--options", JSON.stringify({ name: "two" })]);
  });
  afterAll(() => http.stop());
  const servers = () => ({ one: upstream({ name: "one" }), two: { url: http.url } });
  return {
    servers,
    async serve(way, plugins) {
      const config: Config = { mcpServers: servers(), plugins };
      const client = sdkClient();
      if (way === "stdio") {
        await client.connect(stdioTransport(process.execPath, [`${ROOT}/test/harness/stdio-host.mjs`, JSON.stringify(config)]));
        return { client, [Symbol.asyncDispose]: () => client.close() };
      }
      const running = await startHost({ mcpServers: servers(), plugins });
      await client.connect(httpTransport(running.url));
      return {
        client,
        async [Symbol.asyncDispose]() {
          await client.close();
          await running[Symbol.asyncDispose]();
        },
      };
    },
  };
}
