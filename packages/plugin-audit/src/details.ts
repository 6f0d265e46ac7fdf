import { createHmac } from "node:crypto";
import { canonicalJson, type Entry, type Exchange, isObject, type Json, matcher, redactLine, redactText } from "mcp-host";
import type { DetailRule, Kept } from "./options.ts";

/** What is kept of a value. */
export type Detail =
  | { readonly hash: string }
  | { readonly value: unknown }
  /** The beginning of its JSON, which was longer. */
  | { readonly cut: string }
  /** It was too long to be hashed. */
  | { readonly tooLong: true };

type Modes = Pick<DetailRule, "arguments" | "results">;

/** UTF-16 units of the longest value that is hashed, as JSON. */
const MOST = 1024 ** 2;

/** Characters of the longest secret that is found by its form or value. */
const HALF = 4_096;

const NONE: Modes = Object.freeze({ arguments: "off", results: "off" });

/** What is kept of arguments and results, by rule. */
export class Details {
  readonly #rules: readonly { readonly fits: ReturnType<typeof matcher>; readonly modes: Modes }[];
  readonly #byEntry = new WeakMap<Entry, Modes>();
  readonly #key: string;
  readonly #longest: number;

  constructor(rules: readonly DetailRule[], key: string | undefined, longest: number) {
    this.#rules = rules.map((rule) => ({ fits: matcher(rule.match), modes: rule }));
    this.#key = key ?? "";
    this.#longest = longest;
  }

  /** What is kept of an exchange. */
  of(exchange: Exchange): { readonly arguments?: Detail; readonly result?: Detail } | undefined {
    if (this.#rules.length === 0) return undefined;
    const modes = this.#modesOf(exchange);
    if (modes === NONE) return undefined;
    const { outcome } = exchange;
    const asked = modes.arguments === "off" ? undefined : this.#keep(askedOf(exchange), modes.arguments);
    const result = modes.results !== "off" && outcome && "result" in outcome ? this.#keep(outcome.result, modes.results) : undefined;
    return { ...(asked && { arguments: asked }), ...(result && { result }) };
  }

  #modesOf({ entry, method, route }: Exchange): Modes {
    const find = (named: Pick<Entry, "name" | "upstream" | "native">): Modes => this.#rules.find(({ fits }) => fits(named))?.modes ?? NONE;
    if (!entry) return find({ name: method, upstream: route?.upstream ?? "", native: method });
    let modes = this.#byEntry.get(entry);
    if (!modes) this.#byEntry.set(entry, (modes = find(entry)));
    return modes;
  }

  #keep(value: unknown, how: Exclude<Kept, "off">): Detail {
    if (how === "hash") return this.#hash(value);
    const clean = how === "redacted" ? redactLine({ value }).value : withoutSecrets(value, { left: this.#longest });
    const text = JSON.stringify(clean) ?? "null";
    return text.length <= this.#longest ? { value: clean } : { cut: whole(text.slice(0, this.#longest)) };
  }

  #hash(value: unknown): Detail {
    try {
      return { hash: createHmac("sha256", this.#key).update(canonicalJson(value, MOST)).digest("base64url") };
    } catch (error) {
      if (error instanceof RangeError) return { tooLong: true };
      throw error;
    }
  }
}

/** What was asked, as it was sent: of calls the arguments, of other requests the params, without what is the protocol's. */
function askedOf({ params, entry }: Exchange): Json {
  if (entry && isObject(params.arguments)) return params.arguments;
  const { _meta, name: _name, ...rest } = params;
  return rest;
}

/** A copy without secrets in its texts, and not much longer than what is kept of it. */
function withoutSecrets(value: unknown, room: { left: number }): unknown {
  if (typeof value === "string") {
    // Of a text that is cut, what may be half a secret goes, too.
    const most = Math.max(0, room.left) + 2 * HALF;
    const clean = value.length > most ? redactText(value.slice(0, most)).slice(0, -HALF) : redactText(value);
    room.left -= clean.length;
    return clean;
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) {
      if ((room.left -= 2) < 0) break;
      items.push(withoutSecrets(item, room));
    }
    return items;
  }
  const fields: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    if ((room.left -= key.length + 4) < 0) break;
    fields.push([redactText(key), withoutSecrets(item, room)]);
  }
  return Object.fromEntries(fields);
}

/** Without half of a character at its end. */
function whole(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text;
}
