import type { Readable } from "node:stream";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { ListenConfig, ResolvedConfig } from "../config/schema.ts";
import { HostError } from "../errors.ts";
import type { HttpFront } from "../front/http.ts";
import type { RequestHandler } from "../front/mount.ts";
import type { BehindPipes, OpenPipe } from "../front/pipe.ts";
import type { Arrival, NetworkOptions } from "../front/way-in.ts";
import type { SealedHooks } from "../plugin/hook-set.ts";
import type { Requesters } from "../session/requesters.ts";
import type { Session } from "../session/session.ts";
import type { FrameOutput } from "../wire/frame-writer.ts";
import { type Guard, type GuardOptions, type HandlerOptions, handlerOf, mountOf } from "./handler.ts";

export interface FrontsOptions extends Omit<NetworkOptions, "listen" | "limits" | "drain" | "sessions" | "callers"> {
  readonly config: () => ResolvedConfig;
  readonly insecureNoAuth: boolean;
  /** Where requests come from. */
  readonly requesters: Requesters;
  /** Starts the host, for a handler whose first request comes before anybody did. */
  readonly start: () => Promise<void>;
  /** A network front is open: from now on clients may come. */
  readonly opened: () => void;
}

/** One client over a pair of streams. */
export interface StdioClient {
  readonly input: Readable;
  readonly output: FrameOutput;
  /** The eras that it may speak. */
  readonly protocols?: ListenConfig["protocols"] | undefined;
}

/** Those that are open to clients where no config says it. */
export const ERAS: ListenConfig["protocols"] = ["legacy", "modern"];

/** The ways in: the port that the host listens on, handlers in other programs' servers, standard streams, SDK transports. */
export class Fronts {
  readonly #options: FrontsOptions;
  readonly #open: HttpFront[] = [];
  /** Handlers in other programs' servers: each is opened once. */
  readonly #mounts: (() => Promise<RequestHandler>)[] = [];
  /** Guards of other programs' own routes, which bring no clients. */
  readonly #guards: (() => Promise<Guard>)[] = [];
  /** Standard streams, and transports of the SDK. */
  readonly #pipes = new Set<OpenPipe>();
  #closing = false;

  constructor(options: FrontsOptions) {
    this.#options = options;
  }

  /** Whether another program's server may bring clients. */
  get isMounted(): boolean {
    return this.#mounts.length > 0;
  }

  /** Listens on a port. @returns the endpoint's URL */
  async listen(listen: ListenConfig): Promise<string> {
    const { HttpFront } = await import("../front/http.ts");
    const front = new HttpFront({ listen, ...this.#behind() });
    this.#open.push(front);
    const url = await front.listen();
    this.#options.opened();
    return url;
  }

  /** A handler for another server, opened by {@link openMounts} or by its first request. */
  handler(given: HandlerOptions): RequestHandler {
    let opening: Promise<RequestHandler> | undefined;
    const mount = (): Promise<RequestHandler> => (opening ??= this.#mount(given));
    this.#mounts.push(mount);
    return handlerOf(() => this.#options.start().then(mount), this.#options.log);
  }

  /** A guard of another server's own routes, opened by {@link openMounts} or by its first request. */
  guard(given: GuardOptions): Guard {
    let opening: Promise<Guard> | undefined;
    const open = (): Promise<Guard> => (opening ??= this.#guard(given));
    this.#guards.push(open);
    return (request) =>
      this.#options
        .start()
        .then(open)
        .then((guard) => guard(request));
  }

  async openMounts(): Promise<void> {
    await Promise.all([...this.#mounts, ...this.#guards].map((open) => open()));
  }

  async #guard({ authenticate, ...given }: GuardOptions): Promise<Guard> {
    const { guardOf } = await import("../front/mount.ts");
    const behind = { ...this.#behind(), authenticate };
    const guard = guardOf(behind, mountOf(given, this.#options.config()), this.#options.insecureNoAuth);
    return async (request) => {
      if (this.#closing) throw new HostError("shutting_down", "the host is stopping");
      return guard(request);
    };
  }

  async #mount({ authenticate, ...given }: HandlerOptions): Promise<RequestHandler> {
    const { mountFront } = await import("../front/mount.ts");
    if (this.#closing) throw new HostError("shutting_down", "the host is stopping");
    const behind = { ...this.#behind(), authenticate };
    const { front, handler } = await mountFront(behind, mountOf(given, this.#options.config()), this.#options.insecureNoAuth);
    this.#open.push(front);
    this.#options.opened();
    return handler;
  }

  /** Serves one client over an SDK transport. */
  async serveTransport(transport: Transport, arrival: Arrival): Promise<void> {
    const { serveTransport } = await import("../front/transport.ts");
    const open = serveTransport({ behind: this.#behindPipes(), arrival, transport, gone: () => this.#pipes.delete(open) });
    this.#pipes.add(open);
    try {
      await transport.start();
    } catch (error) {
      open.end();
      throw error;
    }
  }

  /** Serves one client over a pair of streams until it is gone and its calls are done, or the host closes. */
  async serveStdio({ input, output, protocols }: StdioClient, arrival: Arrival): Promise<void> {
    const { serveStdio } = await import("../front/stdio.ts");
    await new Promise<void>((resolve) => {
      const gone = (): void => {
        this.#pipes.delete(open);
        resolve();
      };
      const open = serveStdio({ behind: this.#behindPipes(protocols), arrival, input, output, gone });
      this.#pipes.add(open);
    });
  }

  #behindPipes(protocols = this.#options.config().listen?.protocols ?? ERAS): BehindPipes {
    return { ...this.#behind(), protocols };
  }

  /** What every network front needs of the host. */
  #behind(): Omit<NetworkOptions, "listen"> {
    const { folder, requesters, hostInfo, plugins, log, failures, ready, config } = this.#options;
    const { sessions, callers } = requesters;
    const { limits, drain } = config();
    return { folder, sessions, callers, hostInfo, plugins, log, failures, ready, limits, drain };
  }

  /** Gets ready to use the routes of other hooks; gives what puts them to use. */
  async routes(hooks: SealedHooks): Promise<() => void> {
    const mounted = await Promise.all(this.#open.map((front) => front.routes(hooks)));
    return () => {
      for (const use of mounted) use();
    };
  }

  /** Certificates may have changed. */
  renew(): void {
    for (const front of this.#open) front.renew();
  }

  /** A session is over. */
  ended(session: Session): void {
    for (const front of this.#open) front.ended(session);
    for (const { pipe, end } of this.#pipes) if (pipe.serves(session)) pipe.left(end);
  }

  /** Takes no more requests. */
  drain(): void {
    this.#closing = true;
    for (const front of this.#open) front.drain();
  }

  async close(): Promise<void> {
    for (const { end } of this.#pipes) end();
    await Promise.all(this.#open.map((front) => front.close()));
  }
}
