import { HostError } from "../errors.ts";
import { withDeadline } from "../wire/deadline.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { Freshness } from "../wire/modern.ts";
import type { Peer } from "../wire/peer.ts";
import { PeerError } from "../wire/peer-error.ts";
import { isSupportedVersion, LATEST_VERSION, MODERN_VERSIONS, UNSUPPORTED_VERSION } from "../wire/versions.ts";
import { failure } from "./failure.ts";
import { type Validity, validity } from "./validity.ts";

/** The part of an `initialize` result that the host reads; the rest is kept as it came. */
export interface ServerFacts {
  readonly capabilities: Readonly<Json>;
  readonly serverInfo: Readonly<Json>;
  readonly instructions: string | undefined;
  readonly protocolVersion: string;
  /** Whether it begins with `initialize`, or knows neither that nor sessions. */
  readonly era: "legacy" | "modern";
  /** How long this holds, where the server's era says so; of what was kept from another life, undefined. */
  readonly validity?: Validity | undefined;
}

/** Opens the peer's link and initializes its server, within `timeout` milliseconds each. @throws HostError */
export async function shakeHands<Origin>(
  upstream: string,
  peer: Peer<Origin>,
  declared: { clientInfo: Json; capabilities: Json },
  timeout: number,
): Promise<ServerFacts> {
  await withDeadline(peer.open(), timeout, () => {
    throw failure(upstream, "upstream_timeout", `did not start within ${timeout} ms`);
  });
  let held: Validity | undefined;
  const fresh = (freshness: Freshness): void => {
    held = validity(freshness);
  };
  const initialize = peer.request("initialize", { protocolVersion: LATEST_VERSION, ...declared }, { timeout, fresh });
  const result = await initialize.result.catch((error: unknown) => {
    throw unspoken(upstream, error) ?? error;
  });
  const era = peer.link.era ?? "legacy"; // the link has seen to what a modern one speaks
  if (era === "legacy" && !isSupportedVersion(result.protocolVersion)) {
    const version = JSON.stringify(result.protocolVersion)?.slice(0, 40);
    throw new HostError("upstream_protocol", `speaks protocol version ${version}, which the host does not`, { upstream });
  }
  const protocolVersion = result.protocolVersion as string; // of either era
  peer.link.negotiated?.(protocolVersion);
  peer.notify("notifications/initialized");
  return {
    era,
    protocolVersion,
    capabilities: isObject(result.capabilities) ? result.capabilities : {},
    serverInfo: isObject(result.serverInfo) ? result.serverInfo : {},
    instructions: typeof result.instructions === "string" ? result.instructions : undefined,
    ...(held && { validity: held }),
  };
}

/** What is told of a server that is of another era than `initialize`. */
function unspoken(upstream: string, error: unknown): HostError | undefined {
  if (!(error instanceof PeerError) || error.rpc.code !== UNSUPPORTED_VERSION) return undefined;
  const { data } = error.rpc;
  const supported: readonly unknown[] = isObject(data) && Array.isArray(data.supported) ? data.supported : [];
  const versions = supported.filter((version) => typeof version === "string" && /^\d{4}-\d\d-\d\d$/.test(version)).slice(0, 5);
  const which = versions.length > 0 ? versions.join(", ") : "versions that it does not name";
  const isKnown = supported.some((version) => (MODERN_VERSIONS as readonly unknown[]).includes(version));
  const why = isKnown ? '; with its `protocol` set to "modern" it is spoken to in that, or told why not' : ", which this host does not yet";
  return failure(upstream, "upstream_protocol", `speaks only MCP ${which}${why}`, "no", error);
}
