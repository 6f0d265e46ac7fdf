import { BlockList, isIP } from "node:net";
import { isLoopbackName } from "../wire/loopback.ts";

/** What a server's entry may say of a proxy: its URL, or that there is none. Without it the environment says. */
export type ProxySetting = string | false | undefined;

/** Why there is no way through a proxy, in words that hold no address: clients may read them. */
export class ProxyFailure extends Error {}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "ws:": "80", "https:": "443", "wss:": "443" };

/** The proxy that a URL is reached through, as it is written. Never one for this machine itself, which no other can reach. */
export function proxyFor(url: URL, setting?: ProxySetting, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (setting === false || isLoopbackName(url.hostname)) return undefined;
  if (setting !== undefined) return setting;
  const names = url.protocol === "https:" || url.protocol === "wss:" ? ["https_proxy", "all_proxy"] : ["http_proxy", "all_proxy"];
  const proxy = names.flatMap((name) => [env[name], env[name.toUpperCase()]]).find((value) => value); // an empty one is none
  return proxy === undefined || isExempt(url, env.no_proxy ?? env.NO_PROXY ?? "") ? undefined : proxy;
}

/** Whether `NO_PROXY` names the host: itself, a domain that it is in, a network of addresses, or everything (`*`). */
function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const port = url.port || DEFAULT_PORTS[url.protocol];
  return list.split(/[\s,]+/).some((entry) => {
    const [, name = entry, only] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
    if (only !== undefined && only !== port) return false;
    const wanted = name.toLowerCase().replace(/^\[|\]$/g, "");
    if (wanted === "") return false;
    if (wanted === "*") return true;
    if (wanted.includes("/")) return isWithin(host, wanted);
    const domain = wanted.replace(/^\*?\./, "");
    return host === domain || host.endsWith(`.${domain}`);
  });
}

function isWithin(host: string, network: string): boolean {
  const [address = "", bits = ""] = network.split("/");
  const [family, ours] = [isIP(address), isIP(host)];
  if (family === 0 || family !== ours || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  const networks = new BlockList();
  networks.addSubnet(address, Number(bits), type);
  return networks.check(host, type);
}
