import { isObject, type Json } from "mcp-host";
import type { Source } from "./context.ts";
import { withProperties } from "./schema.ts";

/** What one rule does with arguments; all names but those that `rename` gives are the upstream's. */
export interface ArgumentRule {
  readonly set: Readonly<Json>;
  readonly default: Readonly<Json>;
  readonly pin: Readonly<Json>;
  readonly rename: Readonly<Record<string, string>>;
  readonly drop: readonly string[];
  /** Pinned to what the context says. */
  readonly enrich: Readonly<Record<string, Source>>;
}

/**
 * A name as a lenient server may read it: Go compares JSON keys without case, others turn `user-id` into `userId`. What a
 * client may not set, it may not set under any of these.
 */
function folded(name: string): string {
  const plain = name
    .normalize("NFKC")
    .toUpperCase() // so that the dotless i (U+0131) is an i
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, "");
  return plain === "" ? name : plain;
}

/** Params of a call that a lenient server may take for these two. */
const READ = new Set(["arguments", "name"]);

/** The arguments of one entry, as clients give them and as the upstream gets them. */
export class ArgumentEdits {
  readonly #exposed = new Map<string, string>();
  readonly #native = new Map<string, string>();
  readonly #renamed = new Set<string>();
  readonly #defaults = new Map<string, unknown>();
  readonly #written = new Map<string, unknown>();
  readonly #enriched = new Map<string, Source>();
  readonly #set = new Set<string>();
  readonly #hidden = new Set<string>();
  /** What clients cannot set. */
  readonly #refused = new Set<string>();

  /** @param rules in config order; the last word on an argument is the later rule's */
  constructor(rules: readonly ArgumentRule[]) {
    for (const rule of rules) {
      for (const [native, exposed] of Object.entries(rule.rename)) this.#exposed.set(native, exposed);
      for (const [name, value] of Object.entries(rule.default)) this.#defaults.set(name, value);
      for (const [name, value] of Object.entries(rule.set)) this.#write(name, value, this.#set);
      for (const [name, value] of Object.entries(rule.pin)) this.#write(name, value, this.#hidden);
      for (const [name, source] of Object.entries(rule.enrich)) {
        this.#enriched.set(name, source);
        this.#hidden.add(folded(name));
        this.#refused.add(folded(name));
      }
      for (const name of rule.drop) {
        this.#hidden.add(folded(name));
        this.#refused.add(folded(name));
      }
    }
    for (const [native, exposed] of this.#exposed) {
      this.#native.set(exposed, native);
      this.#renamed.add(folded(native));
    }
  }

  #write(name: string, value: unknown, kind: Set<string>): void {
    this.#written.set(name, value);
    kind.add(folded(name));
    this.#refused.add(folded(name));
  }

  /** What the upstream calls an argument that a client names; undefined for one that is not the client's to set. */
  native(name: string): string | undefined {
    const native = this.#native.get(name) ?? (this.#renamed.has(folded(name)) ? undefined : name);
    return native === undefined || this.#refused.has(folded(native)) ? undefined : native;
  }

  /** The arguments that the upstream gets. */
  apply(given: Readonly<Json>, look: (source: Source) => unknown): Json {
    const out = Object.entries(given).flatMap(([name, value]): [string, unknown][] => {
      const native = this.native(name);
      return native === undefined ? [] : [[native, value]];
    });
    for (const [name, value] of this.#defaults)
      if (!this.#refused.has(folded(name)) && !out.some(([given]) => given === name)) out.push([name, value]);
    for (const written of this.#written) out.push(written);
    for (const [name, source] of this.#enriched) {
      const value = look(source);
      if (value !== undefined) out.push([name, value]);
    }
    return Object.fromEntries(out);
  }

  /** Params without those that a lenient server may read instead of `arguments` and `name`. */
  guarded(params: Readonly<Json>): Readonly<Json> {
    if (this.#refused.size === 0) return params;
    const isVariant = (key: string): boolean => !READ.has(key) && READ.has(folded(key));
    return Object.keys(params).some(isVariant) ? Object.fromEntries(Object.entries(params).filter(([key]) => !isVariant(key))) : params;
  }

  /** The name that clients see; undefined for one that they do not see. */
  exposed(native: string): string | undefined {
    if (this.#hidden.has(folded(native))) return undefined;
    const renamed = this.#exposed.get(native);
    // An argument whose name another one was given cannot be reached any more.
    return renamed ?? (this.#native.has(native) || this.#renamed.has(folded(native)) ? undefined : native);
  }

  #isOptional(native: string): boolean {
    return this.#defaults.has(native) || this.#set.has(folded(native));
  }

  /** A tool's input schema as clients see it. */
  schema(input: unknown): Json {
    return withProperties(isObject(input) ? input : { type: "object" }, {
      name: (property) => this.exposed(property),
      isOptional: (property) => this.#isOptional(property),
      schema: (property, schema) =>
        this.#defaults.has(property) && isObject(schema) ? { ...schema, default: this.#defaults.get(property) } : schema,
    });
  }

  /** A prompt's list of arguments as clients see it. */
  listed(list: unknown): unknown {
    if (!Array.isArray(list)) return list;
    return list.flatMap((each: unknown) => {
      if (!isObject(each) || typeof each.name !== "string") return [each];
      const name = this.exposed(each.name);
      if (name === undefined) return [];
      const { required, ...rest } = each;
      return [{ ...rest, name, ...(required !== undefined && { required: required === true && !this.#isOptional(each.name) }) }];
    });
  }
}
