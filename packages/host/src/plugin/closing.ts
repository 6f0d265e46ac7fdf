import { STORE } from "./stores.ts";

/** What of a plugin decides when it ends. */
interface Ending {
  /** Services that it provides. */
  readonly provided: ReadonlySet<symbol>;
  /** Who provided the services that it asked for. */
  readonly found: ReadonlyMap<symbol, unknown>;
  /** Never rejects. */
  end(): Promise<void>;
}

/** Ends plugins one after the other: in the order of the config, but who provides a service behind those who use it. */
export async function endInTurn(plugins: readonly Ending[]): Promise<void> {
  for (const plugin of closingOrder(plugins)) await plugin.end();
}

/** Ends plugins that go while a host lives on: at once, but who provides a service behind those who use it. */
export async function endTogether(plugins: readonly Ending[]): Promise<void> {
  await Promise.all(plugins.filter((plugin) => !provides(plugin)).map((plugin) => plugin.end()));
  await endInTurn(plugins.filter(provides));
}

/**
 * What a plugin still writes in its `close`, whoever keeps it has to be there for. Whoever provides anything comes behind all who provide
 * nothing, and who provides the stores last, since somebody may ask for the first time as late as that. Of a circle the first goes first.
 */
function closingOrder<P extends Ending>(plugins: readonly P[]): P[] {
  const waiting = plugins.toSorted((one, other) => rank(one) - rank(other));
  const order: P[] = [];
  while (waiting.length > 0) {
    const free = waiting.findIndex((plugin) => !waiting.some((other) => other !== plugin && [...other.found.values()].includes(plugin)));
    order.push(...waiting.splice(Math.max(free, 0), 1));
  }
  return order;
}

function rank(plugin: Ending): number {
  if (plugin.provided.has(STORE.key)) return 2;
  return provides(plugin) ? 1 : 0;
}

function provides({ provided }: Ending): boolean {
  return provided.size > 0;
}
