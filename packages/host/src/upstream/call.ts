import { HostError, PeerError } from "../errors.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import type { Json } from "../wire/message.ts";
import type { Peer } from "../wire/peer.ts";

/** Sends a client's request and notes on its exchange how far it came: when, whether it was sent, when it was answered. */
export async function callPeer(
  peer: Peer<Exchange>,
  exchange: Exchange,
  params: Json,
  progress: ((params: Json) => void) | undefined,
): Promise<Json> {
  const outstanding = peer.request(exchange.method, params, { origin: exchange, ...(progress && { progress }) });
  exchange.sent = "unknown";
  exchange.timings.sent = performance.now();
  exchange.onStop(outstanding.cancel);
  try {
    const result = await outstanding.result;
    exchange.sent = "yes";
    return result;
  } catch (error) {
    if (error instanceof HostError) exchange.sent = error.sent;
    else if (error instanceof PeerError) exchange.sent = "yes";
    throw error;
  } finally {
    exchange.offStop(outstanding.cancel);
    exchange.timings.answered = performance.now();
  }
}
