import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../errors.ts";
import { isSecretName } from "../redact.ts";
import { isHeaderName } from "../wire/headers.ts";

/** A name that a URL has as it is written. */
const NAME = /^[A-Za-z0-9._~-]{1,64}$/;
/** Headers that say who somebody is, or whose session it is, beside those that are called a secret. */
const CREDENTIALS = /^(authorization|proxy-authorization|cookie|set-cookie|x-api-key|mcp-session-id)$/;

/** What plugins have open at the edge: endpoints beside the unnamed one, and headers of requests that are kept. */
export class PluginEdge {
  readonly #endpoints = new Map<string, string>();
  /** By plugin. */
  readonly #headers = new Map<string, Set<string>>();
  /** Names of the headers that some plugin reads, in lower case. */
  readonly kept = new Set<string>();

  /** Endpoints by name, each with the plugin that opened it. */
  get endpoints(): ReadonlyMap<string, string> {
    return this.#endpoints;
  }

  /** Whether a plugin has opened any. */
  isOpenedBy(plugin: string): boolean {
    return [...this.#endpoints.values()].includes(plugin);
  }

  /** @throws ConfigError that names what there is, unless some plugin has opened the endpoint */
  check(name: string): void {
    checkEndpoint(name, [...this.#endpoints.keys()]);
  }

  /** Takes over what a plugin has open in another set. */
  adopt(from: PluginEdge, plugin: string): void {
    for (const [name, owner] of from.#endpoints) if (owner === plugin) this.open(plugin, name);
    this.keep(plugin, [...(from.#headers.get(plugin) ?? [])]);
  }

  /** @throws ConfigError for a name that no URL has as it is, or that another plugin opened */
  open(plugin: string, name: string): void {
    if (typeof name !== "string" || !NAME.test(name) || /^\.+$/.test(name))
      throw new ConfigError([
        `plugin "${plugin}" opens the endpoint ${JSON.stringify(name)}: a name has 1 to 64 letters, digits, ".", "_", "~" and "-", and more than dots`,
      ]);
    const owner = this.#endpoints.get(name);
    if (owner !== undefined && owner !== plugin)
      throw new ConfigError([
        `plugin "${plugin}" opens the endpoint "${name}", which plugin "${owner}" opened already; rename one of them`,
      ]);
    this.#endpoints.set(name, plugin);
  }

  /** @throws ConfigError for what is no name of a header, and for one that holds credentials */
  keep(plugin: string, names: readonly string[]): void {
    for (const given of names) {
      const name = String(given).toLowerCase();
      if (!isHeaderName(name))
        throw new ConfigError([`plugin "${plugin}" keeps the header ${JSON.stringify(given)}, which is no name of a header`]);
      if (CREDENTIALS.test(name) || isSecretName(name))
        throw new ConfigError([
          `plugin "${plugin}" keeps the header "${name}", which holds credentials: they stay at the edge; read them in a tap of authenticate or principal, and put what is no secret into the principal's claims`,
        ]);
      let own = this.#headers.get(plugin);
      if (!own) this.#headers.set(plugin, (own = new Set()));
      own.add(name);
      this.kept.add(name);
    }
  }
}

/** @param names those that plugins have opened @throws ConfigError that names them, unless the endpoint is one */
export function checkEndpoint(name: string, names: readonly string[]): void {
  if (names.includes(name)) return;
  const there = names.length === 0 ? "no plugin opens any" : `there ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`;
  throw new ConfigError([`no endpoint is called "${name}"${nearest(name, names)}; ${there}`]);
}
