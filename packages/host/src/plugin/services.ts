import { ConfigError } from "../errors.ts";
import type { Service } from "./plugin.ts";

/** Who asks for services, or provides them. */
interface Party {
  readonly id: string;
  /** Who provided the services that it asked for. */
  readonly found: Map<symbol, unknown>;
  /** Those that it provides. */
  readonly provided: Set<symbol>;
}

/** What the plugins of one set offer each other, by key. */
export class Services<Plugin extends Party> {
  readonly #services = new Map<symbol, { readonly value: unknown; readonly provider: Plugin }>();

  providerOf(key: symbol): Plugin | undefined {
    return this.#services.get(key)?.provider;
  }

  /** @throws ConfigError where another provides the same */
  provide<T>(plugin: Plugin, { key, name }: Service<T>, value: T): void {
    const before = this.#services.get(key);
    if (before)
      throw new ConfigError([
        `plugin "${plugin.id}" provides the service "${name}", which plugin "${before.provider.id}" provides already; remove one of them`,
      ]);
    this.#services.set(key, { value, provider: plugin });
    plugin.provided.add(key);
  }

  find<T>(plugin: Plugin, { key }: Service<T>): T | undefined {
    const found = this.#services.get(key);
    plugin.found.set(key, found?.provider);
    return found?.value as T | undefined; // whoever provided it under this key gave a T
  }

  /** @throws ConfigError where nobody provides it */
  use<T>(plugin: Plugin, service: Service<T>): T {
    const value = this.find(plugin, service);
    if (value === undefined)
      throw new ConfigError([`plugin "${plugin.id}" needs the service "${service.name}", which no plugin provides; add one that does`]);
    return value;
  }

  /** Takes over what a plugin provided in another set. */
  adopt(from: Services<Plugin>, plugin: Plugin): void {
    for (const [key, service] of from.#services) if (service.provider === plugin) this.#services.set(key, service);
  }
}
