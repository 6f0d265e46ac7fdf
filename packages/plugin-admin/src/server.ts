import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ConfigError, isLoopback } from "mcp-host";
import type { Resolved } from "./options.ts";
import { answerOf, Problem } from "./problem.ts";

/** Answers a request that came from an address. */
export type Serve = (request: Request, address: string) => Promise<Response>;

type Listen = NonNullable<Resolved["listen"]>;

/** Milliseconds that the last answers may take on their way out. */
const LAST_WORDS = 500;
const CONNECTIONS = 256;

/** A port of the plugin's own. Through a reload it stays open: who serves it last serves it. */
export class OwnServer {
  readonly #listen: Listen;
  readonly #serving: Serve[] = [];
  #server: Server | undefined;

  constructor(listen: Listen) {
    this.#listen = listen;
  }

  get isUnused(): boolean {
    return this.#serving.length === 0;
  }

  /** The address that it listens on. */
  get url(): string | undefined {
    const address = this.#server?.address() as AddressInfo | null | undefined; // it listens on TCP
    const { host } = this.#listen;
    return address ? `http://${host.includes(":") ? `[${host}]` : host}:${address.port}` : undefined;
  }

  /** Begins to listen, or has who served it before wait. @throws ConfigError where the port cannot be had */
  async open(serve: Serve): Promise<void> {
    this.#serving.push(serve);
    if (this.#server) return;
    const [http, { getRequestListener }] = await Promise.all([import("node:http"), import("@hono/node-server")]);
    const answer = getRequestListener(
      (request, { incoming }) => {
        const serve = this.#serving.at(-1);
        const refused = this.#refusal(request.headers.get("host") ?? "", request.headers.get("origin"));
        if (refused) return answerOf(refused, (text) => text);
        return serve
          ? serve(request, incoming.socket.remoteAddress ?? "")
          : answerOf(new Problem(503, "shutting_down", "the host is stopping"), (text) => text);
      },
      { overrideGlobalObjects: false },
    );
    const server = http.createServer(
      { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000, requireHostHeader: true },
      (request, response) => void answer(request, response),
    );
    server.maxConnections = CONNECTIONS;
    this.#server = server;
    const { port, host } = this.#listen;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ port, host }, resolve);
      });
    } catch (error) {
      this.#server = undefined;
      this.#remove(serve);
      throw new ConfigError([`plugin "admin": options.listen: ${host}:${port} cannot be listened on: ${(error as Error).message}`]); // net gives Errors
    }
    server.on("error", () => {}); // a connection that could not be accepted
    server.unref();
  }

  /** Serves no more for one who did; the port closes with the last. */
  async close(serve: Serve): Promise<void> {
    this.#remove(serve);
    const server = this.#server;
    if (this.#serving.length > 0 || !server) return;
    this.#server = undefined;
    const closed = new Promise<unknown>((resolve) => server.close(resolve));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), LAST_WORDS).unref();
    await closed;
  }

  #remove(serve: Serve): void {
    const index = this.#serving.lastIndexOf(serve);
    if (index !== -1) this.#serving.splice(index, 1);
  }

  /** A name that is not the server's own is one that leads here from elsewhere, and a page of another site has no business here. */
  #refusal(given: string, origin: string | null): Problem | undefined {
    const { host, hosts } = this.#listen;
    const name = given.toLowerCase();
    const bare = name.replace(/:\d{1,5}$/, "");
    const own = isLoopback(host) ? ["localhost", "127.0.0.1", "[::1]", host] : [];
    const further = hosts.map((each) => each.toLowerCase());
    const refused = (header: string) =>
      new Problem(
        403,
        "forbidden",
        `the ${header} header is not one of the API's names; add it to the option listen.hosts if it should be`,
      );
    if (![...own, ...further].some((each) => each === bare || each === name)) return refused("Host");
    if (origin === null) return undefined;
    const site = URL.canParse(origin) ? new URL(origin).host : "";
    return site === name || further.includes(site) ? undefined : refused("Origin");
  }
}
