import type { HostExchange } from "../exchange/host-exchange.ts";
import { endTogether } from "../plugin/closing.ts";
import type { AppliedPlugin } from "../plugin/plugin-set.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Assembly } from "./assembly.ts";

/** An assembly that was replaced, until the calls that began on it are over: what only it had then ends. */
export class Draining {
  /** Its hook set, and those of assemblies before it that still have calls under way: what this one had, they had too. */
  readonly sets: ReadonlySet<object>;
  readonly #upstreams: Set<Upstream>;
  readonly #plugins: readonly AppliedPlugin[];
  /** Assemblies that were replaced before, and ends of such: what only they had may use what this one had. */
  #earlier: readonly (Draining | Promise<unknown>)[];
  readonly #underWay: () => Iterable<HostExchange>;
  #ended: Promise<unknown> | undefined;

  /** @param underWay the exchanges in flight, of whatever assembly @param ends of assemblies that are ending already */
  constructor(
    old: Assembly,
    next: Assembly,
    earlier: readonly Draining[],
    underWay: () => Iterable<HostExchange>,
    ends: Iterable<Promise<unknown>>,
  ) {
    this.sets = new Set([old.hooks, ...earlier.flatMap(({ sets }) => [...sets])]);
    this.#earlier = [...ends, ...earlier];
    const upstreams = new Set(next.upstreams.values());
    const plugins = new Set(next.plugins.plugins);
    this.#upstreams = new Set([...old.upstreams.values()].filter((upstream) => !upstreams.has(upstream)));
    this.#plugins = old.plugins.plugins.filter((plugin) => !plugins.has(plugin));
    this.#underWay = underWay;
  }

  /** Ends what nobody needs any more; true when that was the last. */
  look(): boolean {
    if (this.#ended) return true;
    const calls = [...this.#underWay()].filter(({ course }) => course !== undefined && this.sets.has(course.hooks));
    for (const upstream of this.#upstreams)
      if (!calls.some(({ route }) => route === undefined || route.upstream === upstream.key)) void this.#stop(upstream);
    if (calls.length > 0) return false;
    void this.end();
    return true;
  }

  /** Ends everything, whatever is under way. */
  end(): Promise<unknown> {
    this.#ended ??= Promise.all([...[...this.#upstreams].map((upstream) => this.#stop(upstream)), this.#endPlugins(), ...this.#stopping]);
    return this.#ended;
  }

  async #endPlugins(): Promise<void> {
    await Promise.all(this.#earlier.map((old) => (old instanceof Draining ? old.end() : old)));
    this.#earlier = []; // one that is over keeps nothing
    await endTogether(this.#plugins);
  }

  readonly #stopping: Promise<void>[] = [];

  #stop(upstream: Upstream): Promise<void> {
    this.#upstreams.delete(upstream);
    const stopping = upstream.stop(0);
    this.#stopping.push(stopping);
    return stopping;
  }
}
