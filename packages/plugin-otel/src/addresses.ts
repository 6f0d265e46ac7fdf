import type { PluginHost } from "mcp-host";
import type { Attributes } from "./span.ts";

const PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443, "ws:": 80, "wss:": 443 };
const NONE: Attributes = {};

/** Where servers are reached, as the config that serves now says it: a reload may change it, and is no reason to begin anew. */
export class Addresses {
  readonly #host: Pick<PluginHost, "config">;
  #servers: unknown;
  readonly #known = new Map<string, Attributes>();

  constructor(host: Pick<PluginHost, "config">) {
    this.#host = host;
  }

  of(upstream: string): Attributes {
    const { mcpServers } = this.#host.config;
    if (mcpServers !== this.#servers) {
      this.#servers = mcpServers;
      this.#known.clear();
    }
    let known = this.#known.get(upstream);
    if (!known) this.#known.set(upstream, (known = addressOf(mcpServers[upstream])));
    return known;
  }
}

function addressOf(server: unknown): Attributes {
  const { url } = (server ?? {}) as { readonly url?: unknown }; // what has no URL is a program
  if (typeof url !== "string" || !URL.canParse(url)) return NONE;
  const { hostname, port, protocol } = new URL(url);
  const number = port === "" ? PORTS[protocol] : Number(port);
  return { "server.address": hostname, ...(number !== undefined && { "server.port": number }) };
}
