import type { IncomingMessage } from "node:http";
import { parseConfig } from "../config/parse.ts";
import type { ListenConfig, ResolvedConfig } from "../config/schema.ts";
import { HostError } from "../errors.ts";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Principal } from "../exchange/caller.ts";
import type { RequestHandler } from "../front/mount.ts";
import { errorFields, type Logger } from "../log.ts";

/** How a host is mounted in another program's HTTP server. */
export interface HandlerOptions {
  /** The path of the MCP endpoint, where the request's URL has it. Default: `listen.path`, or `/mcp`. Under a mount that strips its path (Express), the mount itself is the endpoint too. */
  path?: string;
  /** Names in the Host header by which the server is reached, such as `api.example.com`; those of this machine (`localhost`, `127.0.0.1`, `[::1]`) are allowed anyway. */
  hosts?: readonly string[];
  /** Web origins that may call the host; CORS is off while there are none. */
  origins?: readonly string[];
  /** Who the client is, where the program has established it, such as with `request.user`. Asked before auth plugins; undefined leaves it to them, and without any it is 401. */
  authenticate?: (request: IncomingMessage) => Awaitable<Principal | undefined>;
}

/** Which requests a guard lets in. */
export type GuardOptions = Omit<HandlerOptions, "path">;

/** Lets a request in, or rejects with a `HostError` that says why not. Gives who makes it: `anonymous`, without roles, where nobody says it. */
export type Guard = (request: IncomingMessage) => Promise<Principal>;

/** What a handler's options say, in the words of `listen`. @throws ConfigError */
export function mountOf({ path, hosts = [], origins = [] }: HandlerOptions, { listen }: ResolvedConfig): ListenConfig {
  const own = { path: path ?? listen?.path, hosts: [...hosts], origins: [...origins] };
  return parseConfig({ listen: own }).listen as ListenConfig; // it was given
}

/** A handler that is opened with its first request, if it was not before. A request that comes too early waits. */
export function handlerOf(open: () => Promise<RequestHandler>, log: Logger): RequestHandler {
  let handle: RequestHandler | undefined;
  return (request, response) => {
    if (handle) return handle(request, response);
    open().then(
      (opened) => {
        handle = opened;
        handle(request, response);
      },
      (error: unknown) => {
        // Why a plugin did not get ready is for whoever operates the host.
        const told =
          error instanceof HostError && error.type === "shutting_down"
            ? error
            : new HostError("internal", "the host could not start; its log has the reason");
        if (told !== error) log.error("the host could not start", errorFields(error));
        response.writeHead(told.status, { "content-type": "application/json" });
        response.end(JSON.stringify({ jsonrpc: "2.0", id: null, error: told.toRpc("-") }));
      },
    );
  };
}
