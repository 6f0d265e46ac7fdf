import { HostError } from "../errors.ts";
import type { AddedHeader, Link, LinkEvents } from "../wire/link.ts";
import { type Id, isObject, type Json, type Response } from "../wire/message.ts";
import { type Stamp, stampRequest } from "../wire/modern.ts";
import { PeerError } from "../wire/peer-error.ts";
import { MODERN_VERSIONS, UNSUPPORTED_VERSION } from "../wire/versions.ts";
import { failure, HttpRefusal } from "./failure.ts";

/** What a server of the modern era says of itself. */
export interface Discovered {
  readonly version: string;
  readonly result: Json;
}

/** The one `server/discover` that is sent over a wire before it is known what the server speaks. */
export class Discovery {
  /** Whether it was ever sent. */
  wasSent = false;
  readonly #upstream: string;
  #id: Id | undefined;
  #settle: ((outcome: Json | Error) => void) | undefined;
  #forget: (() => void) | undefined;

  constructor(upstream: string) {
    this.#upstream = upstream;
  }

  get isUnderWay(): boolean {
    return this.#id !== undefined;
  }

  /** Gives what the server says of itself, or why it says nothing in the versions that the host speaks. */
  async ask(wire: Link | undefined, events: Pick<LinkEvents, "nextId">, stamp: Stamp, patience: number): Promise<Discovered | Error> {
    this.wasSent = true;
    const [version] = MODERN_VERSIONS;
    const ask = (): Promise<Json | Error> => this.#ask(wire, events, stampRequest(undefined, version, stamp), patience);
    let outcome = await ask();
    // A server that refuses a version and names it as one that it speaks is of the modern era, and asked once more.
    if (isRefused(outcome, version)) outcome = await ask();
    if (outcome instanceof Error) return outcome;
    if (speaks(outcome, version)) return { version, result: outcome };
    return failure(this.#upstream, "upstream_protocol", "answers server/discover with none of the versions that the host speaks", "no");
  }

  #ask(wire: Link | undefined, events: Pick<LinkEvents, "nextId">, params: Json, patience: number): Promise<Json | Error> {
    const [version] = MODERN_VERSIONS;
    return new Promise((settle) => {
      const id = events.nextId();
      const late = setTimeout(
        () => this.giveUp(failure(this.#upstream, "upstream_timeout", `did not answer server/discover in ${patience} ms`)),
        patience,
      );
      this.#id = id;
      this.#settle = (given) => {
        clearTimeout(late);
        settle(given);
      };
      this.#forget = () => wire?.forget?.(id);
      const headers = { "mcp-protocol-version": version, "mcp-method": "server/discover" };
      const added = Object.entries(headers).map(([name, value]): AddedHeader => ({ name, value, by: undefined }));
      wire?.send({ jsonrpc: "2.0", id, method: "server/discover", params }, undefined, added);
    });
  }

  /** Takes the answer; false where it is another's. */
  answered(response: Response): boolean {
    if (this.#id === undefined || response.id !== this.#id) return false;
    this.settle("result" in response ? response.result : new PeerError(response.error));
    return true;
  }

  failed(id: Id, error: HostError): boolean {
    if (id !== this.#id) return false;
    this.settle(error);
    return true;
  }

  giveUp(error: HostError): void {
    this.#forget?.();
    this.settle(error);
  }

  settle(outcome: Json | Error): void {
    const settle = this.#settle;
    this.#id = this.#settle = this.#forget = undefined;
    settle?.(outcome);
  }
}

function isRefused(outcome: Json | Error, version: string): boolean {
  if (!(outcome instanceof PeerError) || outcome.rpc.code !== UNSUPPORTED_VERSION) return false;
  const { data } = outcome.rpc;
  return isObject(data) && Array.isArray(data.supported) && data.supported.includes(version);
}

/** Whether an answer to `server/discover` has this version. */
export function speaks({ supportedVersions }: Json, version: string): boolean {
  return Array.isArray(supportedVersions) && supportedVersions.includes(version);
}

/** Failures that are about access, load or the way, and tell nothing of the era. */
const UNRELATED = new Set(["upstream_auth", "sign_in_required", "rate_limited", "upstream_down", "shutting_down", "plugin_failure"]);

/** Whether a failure says nothing of what the server speaks: it, or what stands before it, refuses everybody. */
export function isUnrelated(error: unknown): boolean {
  return isOutOfOrder(error) || (error instanceof HostError && UNRELATED.has(error.type));
}

/** Whether a server, or what stands before it, cannot answer now. With 500 many a server answers what it does not know. */
export function isOutOfOrder(error: unknown): boolean {
  return error instanceof HttpRefusal && error.answered > 500;
}
