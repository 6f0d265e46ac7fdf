import type { Id } from "./message.ts";

/** Places at first; always twice as many as are taken, or more. */
const PLACES = 64;
const FREE = 0;

/**
 * What waits, by the host's own ids: integers from 1 on. No `Map`, for the reason of `Roster`: what it is for comes and goes with
 * every call. A hash table with linear probing; ids that follow each other lie side by side.
 */
export class IdTable<T> {
  #ids = new Float64Array(PLACES);
  #values: (T | undefined)[] = new Array(PLACES).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: Id): T | undefined {
    return typeof id === "number" ? this.#values[this.#placeOf(id)] : undefined;
  }

  has(id: Id): boolean {
    return this.get(id) !== undefined;
  }

  set(id: number, value: T): void {
    const place = this.#placeOf(id);
    if (this.#ids[place] === FREE) {
      if (++this.#size * 2 > this.#ids.length) this.#grow();
      this.#put(id, value);
    } else this.#values[place] = value;
  }

  /** Gives what was there. */
  delete(id: Id): T | undefined {
    if (typeof id !== "number") return undefined;
    let hole = this.#placeOf(id);
    const value = this.#values[hole];
    if (value === undefined) return undefined;
    this.#size--;
    const mask = this.#ids.length - 1;
    // Whoever had to go past the hole moves up into it, so that a free place still ends every search.
    for (let place = (hole + 1) & mask; this.#idAt(place) !== FREE; place = (place + 1) & mask) {
      const home = this.#idAt(place) & mask;
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      this.#ids[hole] = this.#idAt(place);
      this.#values[hole] = this.#values[place];
      hole = place;
    }
    this.#ids[hole] = FREE;
    this.#values[hole] = undefined;
    return value;
  }

  ids(): number[] {
    return [...this.#ids].filter((id) => id !== FREE);
  }

  /** Where an id is, or else the free place that is next for it. What a peer sent may be no integer at all; it is nowhere. */
  #placeOf(id: number): number {
    const mask = this.#ids.length - 1;
    let place = id & mask;
    for (let found = this.#idAt(place); found !== id && found !== FREE; found = this.#idAt(place)) place = (place + 1) & mask;
    return place;
  }

  #idAt(place: number): number {
    return this.#ids[place] as number; // all places are within
  }

  #put(id: number, value: T): void {
    const place = this.#placeOf(id);
    this.#ids[place] = id;
    this.#values[place] = value;
  }

  #grow(): void {
    const ids = this.#ids;
    const values = this.#values;
    this.#ids = new Float64Array(ids.length * 2);
    this.#values = new Array(ids.length * 2).fill(undefined);
    for (const [place, id] of ids.entries()) if (id !== FREE) this.#put(id, values[place] as T); // a place with an id has a value
  }
}
