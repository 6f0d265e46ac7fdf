import { BlockList, isIP, isIPv4 } from "node:net";
import { ConfigError } from "mcp-host";

/** So many proxies may stand one behind the other. */
const MOST_PROXIES = 16;

/**
 * Whose address a request comes from. @param proxies addresses and subnets of proxies, whose `X-Forwarded-For` is believed
 * @throws ConfigError for one that is neither
 */
export class Addresses {
  readonly #proxies: BlockList | undefined;
  readonly #prefix: number;

  constructor(proxies: readonly string[], ipv6Prefix: number, place: string) {
    this.#prefix = ipv6Prefix;
    if (proxies.length === 0) return;
    this.#proxies = new BlockList();
    for (const [index, text] of proxies.entries()) {
      const [address = "", bits] = text.split("/", 2);
      const family = isIPv4(address) ? "ipv4" : "ipv6";
      const most = family === "ipv4" ? 32 : 128;
      const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
      if (isIP(address) === 0 || !(prefix <= most))
        throw new ConfigError([`${place}[${index}]: ${JSON.stringify(text)} is no address and no subnet such as "10.0.0.0/8"`]);
      this.#proxies.addSubnet(address, prefix, family);
    }
  }

  /** Whether other addresses than those of connections are looked at. */
  get isBehindProxies(): boolean {
    return this.#proxies !== undefined;
  }

  /**
   * The address that counts: an IPv4 address, or the network of an IPv6 one. Undefined over a Unix socket.
   * @param address of the connection @param forwarded what proxies say of it: each adds who called it at the end
   */
  of(address: string, forwarded: string | undefined): string | undefined {
    if (address === "") return undefined;
    let from = plain(address);
    if (this.#proxies && forwarded !== undefined) {
      const hops = forwarded.split(",").slice(-MOST_PROXIES);
      while (this.#isProxy(from)) {
        const before = plain(hops.pop()?.trim() ?? "");
        if (isIP(before) === 0) break; // who wrote that is all that is known
        from = before;
      }
    }
    return isIPv4(from) ? from : networkOf(from, this.#prefix);
  }

  #isProxy(address: string): boolean {
    return isIP(address) !== 0 && this.#proxies?.check(address, isIPv4(address) ? "ipv4" : "ipv6") === true;
  }
}

/** An address without what is of one machine alone: the zone, brackets, and the IPv6 form of an IPv4 address. */
function plain(address: string): string {
  const [zoneless = ""] = address.split("%", 1);
  const bare = zoneless.startsWith("[") && zoneless.endsWith("]") ? zoneless.slice(1, -1) : zoneless;
  const mapped = bare.toLowerCase().startsWith("::ffff:") ? bare.slice("::ffff:".length) : bare;
  return isIPv4(mapped) ? mapped : bare;
}

/** The network of an IPv6 address: whoever has one address of it has them all. */
function networkOf(address: string, prefix: number): string {
  const [head = "", tail] = address.split("::", 2);
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => "0");
  const groups = [...first, ...zeros, ...last].slice(0, Math.ceil(prefix / 16)).map((group) => Number.parseInt(group, 16) || 0);
  const rest = prefix % 16;
  if (rest > 0) groups.push((groups.pop() ?? 0) & (0xffff << (16 - rest)));
  return `${groups.map((group) => group.toString(16)).join(":")}::/${prefix}`;
}
