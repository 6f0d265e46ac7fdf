import { type Exchange, isObject, type Json, type KeptTexts, refuse } from "mcp-host";
import { endWithin, lengthOf } from "./measure.ts";
import type { Records } from "./records.ts";
import type { Plan } from "./rules.ts";
import { cut, pieceOf, REST_KEY, withNotice } from "./truncate.ts";

export interface ReadingOptions {
  /** Each with the entry that it came from, through which alone it can be read. */
  readonly rests: KeptTexts<string>;
  readonly records: Records;
  /** The argument under which tools are asked for the rest. */
  readonly argument: string;
}

/** Cutting long results, and reading on where they were cut. */
export class Reading {
  readonly #options: ReadingOptions;

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  /** The place that a call asks to read on from; undefined for an ordinary call. */
  asked(plan: Plan, method: string, params: Readonly<Json>): string | undefined {
    if (!plan.truncation?.rest || this.#options.records.isDry) return undefined;
    const { arguments: given, _meta } = params;
    const place =
      isObject(_meta) && Object.hasOwn(_meta, REST_KEY)
        ? _meta[REST_KEY]
        : method === "tools/call" && isObject(given)
          ? given[this.#options.argument]
          : undefined;
    return typeof place === "string" && place !== "" ? place : undefined;
  }

  /** The arguments without the one that asks for the rest. */
  without(plan: Plan, method: string, given: Json): Json {
    const { argument, records } = this.#options;
    if (method !== "tools/call" || !plan.truncation?.rest || records.isDry || !Object.hasOwn(given, argument)) return given;
    const { [argument]: _, ...own } = given;
    return own;
  }

  /** The argument that {@link without} took away, if it says something. */
  only(given: Json, own: Json): Json {
    const { argument } = this.#options;
    return given !== own && typeof given[argument] === "string" && given[argument] !== "" ? { [argument]: given[argument] } : {};
  }

  /** The result, cut where it is too long. */
  cut(result: Readonly<Json>, plan: Plan, exchange: Exchange): Readonly<Json> {
    const { truncation } = plan;
    const short = truncation && cut(result, truncation);
    if (!short) return result;
    const { records, rests } = this.#options;
    records.truncated();
    const id = truncation.rest && !records.isDry ? rests.keep(exchange.scope, short.rest, ownerOf(exchange)) : undefined;
    return this.#noticed(short.result, plan, exchange, { shown: short.shown, total: short.total, rest: id && `${id}.0` });
  }

  /** Reads on. */
  async on(place: string, plan: Plan, exchange: Exchange): Promise<Json> {
    const [id = "", at = ""] = place.split(".");
    const kept = this.#options.rests.read(id, exchange.scope);
    const text = kept?.about === ownerOf(exchange) ? kept.text : undefined;
    const from = Number(at);
    const { truncation } = plan;
    if (text === undefined || !truncation || !/^\d{1,12}$/.test(at) || from >= text.length)
      throw refuse(
        "invalid_params",
        `Nothing is kept under "${place.slice(0, 64)}" any more; call without ${this.#options.argument} to get the result anew`,
      );
    const end = Math.max(endWithin(text, from, truncation.max, truncation.unit), from + 1); // a unit may be less than one character
    const piece = text.slice(from, end);
    const result = pieceOf(exchange.method, exchange.params, piece);
    if (end === text.length) return result;
    const total = lengthOf(text.slice(from), truncation.unit);
    return this.#noticed(result, plan, exchange, { shown: lengthOf(piece, truncation.unit), total, rest: `${id}.${end}` });
  }

  #noticed(
    result: Readonly<Json>,
    plan: Plan,
    exchange: Exchange,
    facts: { shown: number; total: number; rest: string | undefined },
  ): Json {
    const { notice, unit } = plan.truncation as NonNullable<Plan["truncation"]>; // it was cut by it
    const { shown, total, rest } = facts;
    const isTool = exchange.entry?.kind === "tool";
    const how =
      rest === undefined
        ? ""
        : isTool
          ? `; call this tool again with the same arguments and {"${this.#options.argument}":"${rest}"} to read on`
          : `; ask for the same again with {"${REST_KEY}":"${rest}"} in _meta to read on`;
    const words: Record<string, string> = { shown: String(shown), total: String(total), unit, how };
    const text = notice.replace(/\{(shown|total|unit|how)\}/g, (_, key: string) => words[key] as string); // only these
    return withNotice(result, text, { shown, total, unit, ...(rest !== undefined && { rest }) });
  }
}

/** A rest is read through the entry that it came from. */
function ownerOf({ entry }: Exchange): string {
  return `${entry?.kind} ${entry?.upstream}:${entry?.native}`;
}
