import { ERRORS } from "../../errors.ts";
import type { HostStatus } from "../../plugin/host-status.ts";
import type { Json } from "../../wire/message.ts";
import type { RequestOptions } from "../../wire/peer.ts";
import { PeerError } from "../../wire/peer-error.ts";
import { KINDS, type Kind } from "./kinds.ts";
import type { ServerStart } from "./startup.ts";

/** A host as a command asks it, whether the command started it or it runs anyway. It moves plain messages, so that nothing of a result is lost. */
export interface AskedHost {
  request(method: string, params?: Json, options?: RequestOptions<never>): Promise<Json>;
  /** Resolves when every server has been listed or has failed, with what became of each; each has a deadline of its own. */
  started(): Promise<readonly ServerStart[]>;
  /** What has become of servers by now: of those that have been listed or have failed. */
  starts(): Promise<readonly ServerStart[]>;
  /** Why the command may be shown less than clients are. */
  readonly note: string | undefined;
  /** The same as a client that comes by another endpoint, which a plugin opened; undefined is the unnamed one. */
  requestAt(endpoint: string | undefined, method: string): Promise<Json>;
  /** A page of what is offered, whoever may use it and whatever is listed, as the operation `catalog` tells it. */
  catalog(params: Json): Promise<Json>;
  /** The endpoints beside the unnamed one. */
  endpoints(): Promise<HostStatus["endpoints"]>;
  /** What servers list and the host does not offer, as of now. */
  withheld(): Promise<HostStatus["withheld"]>;
}

/** Every entry of a kind that the host has now. */
export async function listOf({ request }: Pick<AskedHost, "request">, kind: Kind): Promise<Json[]> {
  const { method, field } = KINDS[kind];
  try {
    // The host gives every list in one page, and answers lists itself.
    return (await request(method))[field] as Json[];
  } catch (error) {
    if (error instanceof PeerError && error.rpc.code === ERRORS.method_not_found.code) return []; // no server has any of them
    throw error;
  }
}
