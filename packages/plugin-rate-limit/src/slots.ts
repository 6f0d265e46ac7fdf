import type { Exchange, HostError, PluginHost } from "mcp-host";
import type { Bucket } from "./subjects.ts";

/** Gives a place back. */
export type Release = () => void;

/** A call that waits for its turn. */
interface Waiting {
  readonly lane: string;
  /** It has its place. */
  turn(): void;
  fail(error: HostError): void;
}

/** What is under way and waits for one bucket; there is none for a bucket where nothing is. */
interface Place {
  active: number;
  queued: number;
  /** Those who wait, by who they are; whose turn it is next is first. */
  readonly lanes: Map<string, Waiting[]>;
}

export interface SlotsOptions {
  readonly concurrent: number;
  readonly queue: { readonly max: number; readonly deadline: number } | undefined;
  /** Whether a call beyond the limit waits or is refused; else it is let through and told. */
  readonly isBinding: boolean;
  readonly clock: Pick<PluginHost["clock"], "setTimeout">;
  /** Who calls: each of them has its turn. */
  readonly laneOf: (exchange: Exchange) => string;
  /** What a call is refused with. @param waited it has waited for as long as it may @param pushed its place in the queue went to somebody who has fewer */
  readonly refusal: (why: "full" | "waited" | "pushed") => HostError;
  /** A call was let through that would have been held up. */
  readonly observed: () => void;
}

/**
 * Calls at a time, and the queue before them: one lane for each caller, served in turn, so that whoever sends a hundred calls waits
 * for itself. Not of the library: its queue is one row for everybody, and who gives up keeps its place there.
 */
export class Slots {
  readonly #options: SlotsOptions;
  readonly #places = new Map<string, Place>();
  readonly #held = Symbol("held");

  constructor(options: SlotsOptions) {
    this.#options = options;
  }

  /** How many calls are under way and wait, by bucket. */
  get usage(): ReadonlyMap<string, { readonly active: number; readonly queued: number }> {
    return this.#places;
  }

  /** Takes a place, at once or when it is its turn. Gives undefined to a call that is a part of one which has a place. @throws HostError */
  take(exchange: Exchange, { key }: Bucket): Release | Promise<Release> | undefined {
    for (let outer = exchange.parent; outer; outer = outer.parent) if (this.#heldBy(outer).has(key)) return undefined;
    const { concurrent, queue, isBinding, refusal, observed } = this.#options;
    let place = this.#places.get(key);
    if (!place) this.#places.set(key, (place = { active: 0, queued: 0, lanes: new Map() }));
    if (place.active < concurrent) return this.#enter(exchange, key, place);
    if (!isBinding) {
      observed();
      return this.#enter(exchange, key, place);
    }
    const lane = this.#options.laneOf(exchange);
    if (!queue || (place.queued >= queue.max && !this.#push(place, lane))) throw refusal("full");
    return this.#wait(exchange, key, place, lane, queue.deadline);
  }

  #heldBy(exchange: Exchange): Set<string> {
    return exchange.state(this.#held, () => new Set<string>());
  }

  #enter(exchange: Exchange, key: string, place: Place): Release {
    place.active++;
    const held = this.#heldBy(exchange);
    held.add(key);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      held.delete(key);
      place.active--;
      // More may be under way than are let through, where nothing is held up.
      if (place.active < this.#options.concurrent) this.#next(place);
      if (place.active === 0 && place.queued === 0) this.#places.delete(key);
    };
  }

  /** Gives a place to the first of the lane whose turn it is; the lane goes behind the others. */
  #next(place: Place): void {
    const [first] = place.lanes;
    if (!first) return;
    const [lane, waiting] = first;
    const next = waiting.shift();
    place.queued--;
    place.lanes.delete(lane);
    if (waiting.length > 0) place.lanes.set(lane, waiting);
    next?.turn();
  }

  /** Makes room in a full queue: who has most in it, and more than the newcomer would have, loses its last. */
  #push(place: Place, lane: string): boolean {
    let longest: Waiting[] = [];
    for (const waiting of place.lanes.values()) if (waiting.length > longest.length) longest = waiting;
    if (longest.length <= (place.lanes.get(lane)?.length ?? 0) + 1) return false;
    longest.at(-1)?.fail(this.#options.refusal("pushed"));
    return true;
  }

  #wait(exchange: Exchange, key: string, place: Place, lane: string, deadline: number): Promise<Release> {
    exchange.wait();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        exchange.offStop(stopped);
      };
      const waiting: Waiting = {
        lane,
        turn: () => {
          end();
          exchange.touch(); // it was this host's waiting, and no silence of the server's
          resolve(this.#enter(exchange, key, place));
        },
        fail: (error) => {
          end();
          this.#leave(place, waiting);
          if (place.active === 0 && place.queued === 0) this.#places.delete(key);
          reject(error);
        },
      };
      const stopped = (error: HostError): void => waiting.fail(error);
      const cancel = this.#options.clock.setTimeout(() => waiting.fail(this.#options.refusal("waited")), deadline);
      exchange.onStop(stopped);
      const own = place.lanes.get(lane);
      if (own) own.push(waiting);
      else place.lanes.set(lane, [waiting]);
      place.queued++;
    });
  }

  #leave(place: Place, waiting: Waiting): void {
    const own = place.lanes.get(waiting.lane);
    const index = own?.lastIndexOf(waiting) ?? -1;
    if (!own || index === -1) return;
    own.splice(index, 1);
    place.queued--;
    if (own.length === 0) place.lanes.delete(waiting.lane);
  }

  /** Ends every wait. */
  close(error: HostError): void {
    for (const { lanes } of [...this.#places.values()]) for (const waiting of [...lanes.values()].flat()) waiting.fail(error);
  }
}
