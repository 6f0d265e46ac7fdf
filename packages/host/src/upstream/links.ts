import { resolve } from "node:path";
import { commandHint } from "../config/command-hints.ts";
import type { AnyUpstreamConfig } from "../config/offered.ts";
import type { UpstreamConfig } from "../config/schema.ts";
import type { UnconfiguredConfig } from "../config/server-schema.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Limits } from "../wire/limits.ts";
import type { Link } from "../wire/link.ts";
import type { Authorization } from "./authorization.ts";
import type { EraOptions } from "./era.ts";
import type { TransportLink } from "./transport.ts";
import type { UrlLinkOptions } from "./url.ts";
import type { KnownEra } from "./verdict.ts";

/** What a server is reached over, as far as its config says. */
export function wireOf(config: AnyUpstreamConfig): UpstreamFacts["wire"] {
  if ("open" in config) return "plugin";
  if ("unconfigured" in config) return config.unconfigured.wire;
  if ("command" in config) return "stdio";
  if (!("url" in config)) return "transport";
  if (/^wss?:/i.test(config.url)) return "websocket";
  return config.type === "sse" ? "sse" : "http";
}

/** Whether only the server itself can tell what it is reached over: a `url` without `type`. */
export function isOpenToSse(config: AnyUpstreamConfig): boolean {
  return "url" in config && config.type === undefined && wireOf(config) === "http";
}

export interface LinkOptions
  extends Pick<UrlLinkOptions, "known" | "found">,
    Pick<EraOptions, "client" | "warn" | "prefers" | "settled" | "described"> {
  readonly key: string;
  readonly config: Exclude<UpstreamConfig, UnconfiguredConfig>;
  /** The folder that a stdio server starts in. */
  readonly folder: string;
  readonly limits: Limits;
  readonly authorization: Authorization | undefined;
  /** Makes a transport that a plugin or code brought. */
  readonly openTransport: ConstructorParameters<typeof TransportLink>[1];
  readonly era: KnownEra;
}

/** A way to the server, in whichever era it speaks. */
export async function makeLink(options: LinkOptions): Promise<Link> {
  const { key, config, era, client, warn, prefers, settled, described } = options;
  const { protocol, startTimeout } = config;
  if (protocol === "legacy" || wireOf(config) === "sse" || options.known === "sse") return makeWire(options);
  const { EraLink } = await import("./era.ts");
  const isHttp = wireOf(config) === "http";
  return new EraLink({
    upstream: key,
    protocol,
    known: era,
    isHttp,
    prefers,
    startTimeout,
    makeWire: () => makeWire(options),
    client,
    warn,
    settled,
    described,
  });
}

/** A wire to the server. Its code is loaded on first use: who has only stdio servers pays for no HTTP. */
async function makeWire({ key, config, folder, limits, authorization, era, ...options }: LinkOptions): Promise<Link> {
  if ("command" in config) {
    const { args, env, cwd } = config;
    // A bare name is looked for on PATH; with a slash it is a file beside the config.
    const command = /[/\\]/.test(config.command) ? resolve(folder, config.command) : config.command;
    const { StdioLink } = await import("./stdio.ts");
    return new StdioLink(
      key,
      { command, hint: commandHint(config.command), args, env, cwd: resolve(folder, cwd ?? ".") },
      limits,
      authorization,
    );
  }
  if (!("url" in config)) {
    const { TransportLink } = await import("./transport.ts");
    return new TransportLink(key, "transport" in config ? config.transport : options.openTransport);
  }
  const where = { url: new URL(config.url), headers: config.headers, proxy: config.proxy };
  const wire = wireOf(config);
  if (wire === "websocket") {
    const { WebSocketLink } = await import("./websocket.ts");
    return new WebSocketLink(key, { ...where, handshakeTimeout: config.startTimeout }, limits, authorization);
  }
  const makeSse = async (): Promise<Link> => {
    const { SseLink } = await import("./sse.ts");
    return new SseLink(key, where, limits, authorization);
  };
  const makeHttp = async (): Promise<Link> => {
    const { HttpLink } = await import("./http.ts");
    return new HttpLink(key, where, limits, authorization);
  };
  if (wire === "sse") return makeSse();
  if (!isOpenToSse(config)) return makeHttp();
  const { UrlLink } = await import("./url.ts");
  const mayBeOld = () => era.era !== "modern";
  return new UrlLink({ upstream: key, makeHttp, makeSse, known: options.known, mayBeOld, found: options.found });
}
