import { isObject, type Json } from "../../wire/message.ts";
import type { Place, Report } from "./report.ts";

const KINDS = {
  text: (value: unknown): value is string => typeof value === "string",
  number: (value: unknown): value is number => typeof value === "number" && Number.isFinite(value),
  flag: (value: unknown): value is boolean => typeof value === "boolean",
  texts: (value: unknown): value is string[] => Array.isArray(value) && value.every((item) => typeof item === "string"),
  list: (value: unknown): value is unknown[] => Array.isArray(value),
  object: isObject,
} as const;

type Kind = keyof typeof KINDS;
type Value<K extends Kind> = (typeof KINDS)[K] extends (value: unknown) => value is infer V ? V : never;

const CALLED: Readonly<Record<Kind, string>> = {
  text: "a text",
  number: "a number",
  flag: "true or false",
  texts: "a list of texts",
  list: "a list",
  object: "an object",
};

/** An object of another gateway's file that remembers which of its keys were read, so that none is passed over. */
export class Part {
  readonly value: Json;
  readonly path: Place;
  readonly report: Report;
  readonly #read = new Set<string>();
  readonly #elsewhere: ReadonlyMap<string, Place>;

  /** @param elsewhere where keys stand that are not in the object itself */
  constructor(value: Json, path: Place, report: Report, elsewhere: ReadonlyMap<string, Place> = new Map()) {
    this.value = value;
    this.path = path;
    this.report = report;
    this.#elsewhere = elsewhere;
  }

  at(key: string): Place {
    return this.#elsewhere.get(key) ?? [...this.path, key];
  }

  /** A key's value, where it has the form that it should have; one of another form is told of. `null` says nothing. */
  get<K extends Kind>(key: string, kind: K): Value<K> | undefined {
    this.#read.add(key);
    const value = this.value[key];
    if (value === undefined || value === null) return undefined;
    const is = KINDS[kind] as (value: unknown) => value is Value<K>; // the one that belongs to the kind
    if (is(value)) return value;
    this.report.left(
      this.at(key),
      `must be ${CALLED[kind]}, so it was not taken over`,
      "Correct it there, or write it into the new config.",
    );
    return undefined;
  }

  /** As {@link get}; what is there is told of as carried over. @param to its place in the config */
  carry<K extends Kind>(key: string, kind: K, to: string): Value<K> | undefined {
    const value = this.get(key, kind);
    if (value !== undefined) this.report.carried(this.at(key), to);
    return value;
  }

  /** The object under a key. */
  part(key: string): Part | undefined {
    const value = this.get(key, "object");
    return value && new Part(value, this.at(key), this.report);
  }

  /** The objects of a list, or of a map, under a key, with what they go by. */
  parts(key: string): { readonly key: string; readonly part: Part }[] {
    this.#read.add(key);
    const value = this.value[key];
    if (Array.isArray(value)) return value.flatMap((item, index) => this.#inner([...this.at(key), index], String(index), item));
    const map = this.get(key, "object") ?? {};
    return Object.entries(map).flatMap(([name, item]) => this.#inner([...this.at(key), name], name, item));
  }

  #inner(path: Place, key: string, item: unknown): { key: string; part: Part }[] {
    if (isObject(item)) return [{ key, part: new Part(item, path, this.report) }];
    this.report.left(path, "must be an object, so it was not taken over");
    return [];
  }

  /** Tells of a key that is there and has nothing in the config. */
  leave(key: string, told: string, instead?: string): void {
    this.#read.add(key);
    if (this.has(key)) this.report.left(this.at(key), told, instead);
  }

  /** Says that somebody knows of a key. */
  read(key: string): void {
    this.#read.add(key);
  }

  /** Keys that say nothing to a host. */
  pass(keys: readonly string[], told: string): void {
    for (const key of keys) this.leave(key, told);
  }

  /** Whether a key is there and says something. */
  has(key: string): boolean {
    return Object.hasOwn(this.value, key) && this.value[key] !== undefined && this.value[key] !== null;
  }

  /** Tells of every key that nobody has read. @param whose the gateway @param told what is said of them, where they are known */
  rest(whose: string, told?: string): void {
    for (const key of Object.keys(this.value)) {
      if (this.#read.has(key)) continue;
      if (told !== undefined) this.report.left(this.at(key), told);
      else
        this.report.left(this.at(key), `is not known here as a key of ${whose}, so nothing was made of it`, "Find out what it does there.");
    }
  }
}
