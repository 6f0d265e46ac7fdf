import { HostError, PeerError } from "../errors.ts";
import type { HostExchange } from "../exchange/host-exchange.ts";
import type { Json } from "../wire/message.ts";
import type { Peer } from "../wire/peer.ts";

/**
 * Sends a client's request and notes on its exchange how far it came: when, whether it was sent, when it was answered.
 * @param ended called when nobody waits any more, with whether there was a result
 */
export function callPeer(
  peer: Peer<HostExchange>,
  exchange: HostExchange,
  params: Json,
  progress: ((params: Json) => void) | undefined,
  ended: (answered: boolean) => void,
): Promise<Json> {
  const outstanding = peer.request(exchange.method, params, { origin: exchange, progress });
  exchange.sent = "unknown";
  exchange.timings.sent = performance.now();
  exchange.onStop(outstanding.cancel);
  const end = (answered: boolean): void => {
    exchange.offStop(outstanding.cancel);
    exchange.timings.answered = performance.now();
    ended(answered);
  };
  return outstanding.result.then(
    (result) => {
      exchange.sent = "yes";
      end(true);
      return result;
    },
    (error: unknown) => {
      if (error instanceof HostError) exchange.sent = error.sent;
      else if (error instanceof PeerError) exchange.sent = "yes";
      end(false);
      throw error;
    },
  );
}

/** Waits as long as the exchange does: what is given up meanwhile is not sent afterwards. */
export function unlessStopped(exchange: HostExchange, connected: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    exchange.onStop(reject);
    const over = (): void => exchange.offStop(reject);
    connected.then(resolve, reject).finally(over);
  });
}
