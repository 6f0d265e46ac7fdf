import { isIPv4 } from "node:net";
import type { Exchange } from "./exchange.ts";

/** Bits of an IPv6 address that are one network's: whoever has one address of it has them all. */
const GROUPS = 4;

/**
 * A key to count what somebody may have (quotas, budgets, wrong attempts), that nobody gets another of for nothing: the principal's id, and
 * where nobody was authenticated the address of the connection, of IPv6 its /64. `exchange.scope` is another for each session of somebody
 * anonymous. Behind a proxy the address is the proxy's, for all who come by it. Not for what must not be shown to others: that is `scope`.
 */
export function countingKey({ principal: { id }, http }: Pick<Exchange, "principal" | "http">): string {
  const address = id === "anonymous" ? http?.address : undefined;
  return address === undefined || address === "" ? `principal:${id}` : `address:${networkOf(address)}`;
}

function networkOf(address: string): string {
  const [plain = ""] = address.toLowerCase().split("%", 1);
  const mapped = plain.startsWith("::ffff:") ? plain.slice("::ffff:".length) : plain;
  if (isIPv4(mapped)) return mapped;
  const [head = "", tail = ""] = plain.split("::", 2);
  const [first, last] = [head, tail].map((part) => (part === "" ? [] : part.split(":"))) as [string[], string[]]; // two parts, two lists
  const zeros = Array.from({ length: Math.max(0, 2 * GROUPS - first.length - last.length) }, () => "0");
  const groups = [...first, ...zeros, ...last].slice(0, GROUPS).map((group) => (Number.parseInt(group, 16) || 0).toString(16));
  return `${groups.join(":")}::/${16 * GROUPS}`;
}
