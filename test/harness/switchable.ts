import http from "node:http";
import { listening } from "./faulty-wires.ts";

/** One address behind which now this HTTP server stands and now that. */
export interface Switchable extends AsyncDisposable {
  url: string;
  /** Method and path of every request so far. */
  readonly requests: string[];
  /** Puts another server (or none: every request is refused with this status) in its place; what was open is cut. */
  use(to: string | number): void;
}

/** @param to where to begin: the URL of a server, or a status */
export async function switchable(to: string | number): Promise<Switchable> {
  const requests: string[] = [];
  let target = to;
  const open = new Set<http.ServerResponse>();
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (typeof target === "number") {
      request.resume();
      return void response.writeHead(target).end();
    }
    open.add(response);
    const { method, headers } = request;
    const onward = http.request(new URL(request.url ?? "/", target), { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers).flushHeaders();
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => {
      open.delete(response);
      onward.destroy();
    });
    request.pipe(onward);
  });
  const { url, close } = await listening(server);
  return {
    url: `${url}/mcp`,
    requests,
    use(next) {
      target = next;
      for (const response of open) response.destroy();
    },
    [Symbol.asyncDispose]: close,
  };
}
