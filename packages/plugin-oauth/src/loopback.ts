import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { CallbackOptions } from "./options.ts";
import { type Page, page } from "./pages.ts";
import { SignInProblem } from "./problem.ts";

/** Requests that are answered; a page of somebody's that tries states is none of ours. */
const MOST = 100;

/** Where browsers come back to on this machine, while there is one to wait for. */
export interface Loopback {
  readonly redirectUri: string;
  close(): void;
}

/**
 * Listens before anything is sent, so that the address in hand is ours.
 * @param canMove whether another port is as good, since the client can be registered anew
 * @param came told of each callback; gives the page that the browser shows
 * @throws SignInProblem that names the port
 */
export async function listenFor(
  { host, port, path }: CallbackOptions,
  canMove: boolean,
  came: (parameters: URLSearchParams) => Promise<Page>,
): Promise<Loopback> {
  let answered = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const give = ({ status, headers, body }: Page): void => void response.writeHead(status, { ...headers, connection: "close" }).end(body);
    const nothing = (status: number): void => give(page(status, "There is nothing here", "Begin the sign-in again where you began it."));
    const [asked = "", query = ""] = (request.url ?? "").split("?", 2);
    request.resume();
    if (++answered > MOST) return nothing(429);
    if (request.method !== "GET" || asked !== path || !/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? ""))
      return nothing(404);
    came(new URLSearchParams(query)).then(give, () => nothing(500));
  };
  const first = await listening(handle, "127.0.0.1", port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
    if (canMove) return listening(handle, "127.0.0.1", 0);
    throw new SignInProblem(
      "callback",
      `port ${port}, where the browser is to come back to, is taken by another program; end that one, or set \`callback.port\` to one that is registered with the app, too`,
    );
  });
  const bound = (first.address() as { port: number }).port; // it listens on TCP
  // Browsers look for `localhost` on ::1 first; a machine without IPv6 has no such address.
  const second = host === "localhost" ? await listening(handle, "::1", bound).catch(() => undefined) : undefined;
  return {
    redirectUri: `http://${host}:${bound}${path}`,
    close() {
      for (const server of [first, second]) {
        server?.close();
        server?.closeIdleConnections();
      }
    },
  };
}

function listening(handle: (request: IncomingMessage, response: ServerResponse) => void, address: string, port: number): Promise<Server> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, handle);
  server.maxConnections = 50;
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port, exclusive: true }, () => resolve(server));
  });
}
