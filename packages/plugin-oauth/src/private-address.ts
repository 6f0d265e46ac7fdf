import { BlockList, isIP } from "node:net";
import { isLoopback } from "mcp-host";

/** Addresses of this machine, of private and of link-local networks: what a public server has no business to send a host to. */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const)
  PRIVATE.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 127], // and ::1
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  PRIVATE.addSubnet(network, prefix, "ipv6");

/** Whether a host is written as such an address, an IPv4 one within IPv6 included, or as a name of this machine. */
export function isPrivate(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? isLoopback(host) : PRIVATE.check(host, family === 6 ? "ipv6" : "ipv4");
}
