import http from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { listening } from "./faulty-wires.ts";

export interface TestProxy extends AsyncDisposable {
  url: string;
  /** Where each tunnel was asked to lead to. */
  readonly tunnels: string[];
  /** What came instead of a tunnel. */
  readonly others: string[];
  close(): Promise<void>;
}

/**
 * An HTTP proxy that leads names to ports of this machine.
 * @param ports by `host:port` as it is asked for
 * @param credentials without which it refuses
 */
export async function proxy(ports: Record<string, string | number>, credentials?: string): Promise<TestProxy> {
  const tunnels: string[] = [];
  const others: string[] = [];
  const open = new Set<Duplex>();
  const server = http.createServer((request, response) => {
    others.push(`${request.method} ${request.url}`);
    response.writeHead(501).end();
  });
  const wanted = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;
  server.on("connect", (request, socket: Duplex, head) => {
    const target = request.url ?? "";
    tunnels.push(target);
    const port = ports[target];
    const status = wanted !== undefined && request.headers["proxy-authorization"] !== wanted ? 407 : port === undefined ? 502 : 200;
    if (status !== 200) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const onward = connect(Number(port), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    for (const end of [socket, onward]) {
      open.add(end);
      end.on("error", () => {}); // close follows
      end.on("close", () => {
        open.delete(end);
        socket.destroy();
        onward.destroy();
      });
    }
  });
  const { url, close } = await listening(server);
  const end = async (): Promise<void> => {
    for (const each of open) each.destroy();
    await close();
  };
  return { url, tunnels, others, close: end, [Symbol.asyncDispose]: end };
}
