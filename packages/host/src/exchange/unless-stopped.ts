import type { HostExchange } from "./host-exchange.ts";

/** Waits as long as the exchange does: what is given up meanwhile is not gone on with afterwards. Rejects with why it was stopped. */
export function unlessStopped<T>(exchange: HostExchange, awaited: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    exchange.onStop(reject);
    const over = (): void => exchange.offStop(reject);
    awaited.then(resolve, reject).finally(over);
  });
}
