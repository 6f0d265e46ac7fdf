import type { Progress } from "@modelcontextprotocol/sdk/types.js";
import type { ResolvedConfig } from "../config/schema.ts";
import { HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import { InProcessClient, type InProcessOptions, written } from "../front/in-process.ts";
import { errorFields, type Logger } from "../log.ts";
import type { Sessions } from "../session/sessions.ts";
import { HOST_INFO } from "../version.ts";
import type { Json } from "../wire/message.ts";
import type { Outstanding } from "../wire/peer.ts";
import { fromRpc, PeerError } from "../wire/peer-error.ts";

/** How a program asks its host. */
export interface CallOptions {
  /** Gives the request up: it fails with a {@link HostError} of type `cancelled`, and the upstream is told. */
  signal?: AbortSignal;
  /** Milliseconds until the request is given up with `upstream_timeout`. The upstream's own `timeout` and `maxTimeout` hold besides. */
  timeout?: number;
  /** Told what the upstream says on its way to the answer. */
  onProgress?: (progress: Progress) => void;
  /** On whose behalf: policies, isolation and quotas are this principal's. Default: `local`, with the config's `roles`. */
  principal?: Principal;
  /** By which endpoint, as a plugin opened it. Default: the unnamed one. */
  endpoint?: string;
}

/** What of the host its in-process clients need. */
export interface LocalClientsOptions {
  readonly config: () => ResolvedConfig;
  readonly log: Logger;
  readonly sessions: Sessions;
  readonly start: () => Promise<void>;
  /** @throws ConfigError unless a plugin has opened the endpoint; asked when the host is started */
  readonly checkEndpoint: (name: string) => void;
}

/** Opens a client of a host in the same process, as `local` unless told otherwise. Starts the host if need be. */
export async function openClient(
  host: Omit<LocalClientsOptions, "log">,
  {
    principal = { id: "local", roles: host.config().roles },
    endpoint,
    notified,
  }: Partial<Pick<InProcessOptions, "principal" | "endpoint" | "notified">> = {},
): Promise<InProcessClient> {
  await host.start();
  if (endpoint !== undefined) host.checkEndpoint(endpoint);
  return InProcessClient.open({ sessions: host.sessions, clientInfo: HOST_INFO, principal, endpoint, notified });
}

interface Kept {
  readonly opening: Promise<InProcessClient>;
  client?: InProcessClient;
}

/**
 * What an embedding program asks of its host, as any client would: through every stage of the pipeline, with one session
 * for each principal and endpoint. A session is opened on first use and closed when it was quiet for `limits.sessionIdle`.
 */
export class LocalClients {
  readonly #host: LocalClientsOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(host: LocalClientsOptions) {
    this.#host = host;
  }

  /** The result of one request. @throws HostError, or PeerError for what an upstream answered */
  ask<T>(method: string, params: Json, { signal, timeout, onProgress, principal, endpoint }: CallOptions = {}): Promise<T> {
    return new Promise<Json>((resolve, reject) => {
      const sent = written(method, params, this.#host.config().limits); // what it throws rejects
      let call: Outstanding | undefined;
      let stopped = false;
      const stop = (type: "cancelled" | "upstream_timeout", message: string, cause?: unknown): void => {
        stopped = true;
        const error = new HostError(type, message, { sent: call ? "unknown" : "no", cause });
        if (call) call.cancel(error);
        else reject(error);
      };
      const abort = (): void => stop("cancelled", `${method} was cancelled by its caller`, signal?.reason);
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      const late = (): void => stop("upstream_timeout", `${method} was not answered within the ${timeout} ms that its caller allows`);
      const timer = timeout === undefined ? undefined : setTimeout(late, timeout);
      const progress = onProgress && ((told: Json): void => this.#progressed(onProgress, told));
      this.#client(principal, endpoint)
        .then((client) => {
          if (stopped) return {}; // told already
          call = client.begin(method, sent, { progress });
          return call.result;
        })
        .then(resolve, (error: unknown) => reject(error instanceof PeerError ? fromRpc(error.rpc) : error))
        .finally(() => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", abort);
        });
    }) as Promise<T>; // what the method's result is, as far as servers keep to the protocol
  }

  /** A list. Of what no server has there is none: a program has no capabilities to look at before it asks. */
  async list<T>(method: string, field: string, options?: CallOptions): Promise<T> {
    try {
      return await this.ask<T>(method, {}, options);
    } catch (error) {
      if (error instanceof HostError && error.type === "method_not_found") return { [field]: [] } as T; // an empty result of the method's
      throw error;
    }
  }

  #progressed(onProgress: (progress: Progress) => void, { progressToken: _, ...progress }: Json): void {
    try {
      onProgress(progress as Progress); // the host lets only progress with a number pass
    } catch (error) {
      this.#host.log.warn("onProgress threw", errorFields(error)); // the call goes on
    }
  }

  async #client(principal: Principal | undefined, endpoint: string | undefined): Promise<InProcessClient> {
    const key = JSON.stringify([endpoint, principal && [principal.id, principal.binding, [...principal.roles].sort()]]);
    const known = this.#kept.get(key);
    if (known && !known.client?.session.closed) return known.opening;
    for (const [other, { client }] of this.#kept) if (client?.session.closed) this.#kept.delete(other);
    const kept: Kept = { opening: openClient(this.#host, { ...(principal && { principal }), endpoint }) };
    this.#kept.set(key, kept);
    try {
      kept.client = await kept.opening;
    } catch (error) {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
      throw error;
    }
    return kept.client;
  }
}
