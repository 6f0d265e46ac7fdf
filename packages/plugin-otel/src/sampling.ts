import { type Exchange, matcher } from "mcp-host";
import type { Rule, TraceSettings } from "./options.ts";
import type { TraceContext } from "./trace-context.ts";

type Fits = (exchange: Exchange) => boolean;

/** Digits of a trace id by which it is sampled or not: the last ones are random (W3C Trace Context level 2), and so many are a safe integer. */
const DIGITS = 13;
const RANGE = 16 ** DIGITS;

/** Where nothing is said: enough to look at, and no more than a flood of calls can bear. */
const RATIO = 0.1;
const PER_SECOND = 20;

/** Says which traces are sampled, so that all who sample by the id of a trace agree, but where there are more than may be. */
export class Sampler {
  readonly #ratio: number;
  readonly #most: number;
  /** The second that is counted in, and what was sampled in it. */
  #second = 0;
  #sampled = 0;
  readonly #parent: boolean;
  readonly #rules: readonly { readonly fits: Fits; readonly ratio: number }[];

  constructor({ ratio, perSecond, parent, rules }: Pick<TraceSettings, "ratio" | "perSecond" | "parent" | "rules">) {
    this.#ratio = ratio ?? RATIO;
    this.#most = (perSecond ?? (ratio === undefined && PER_SECOND)) || Number.POSITIVE_INFINITY;
    this.#parent = parent;
    this.#rules = rules.map((rule) => ({ fits: fitsOf(rule), ratio: rule.ratio }));
  }

  /** @param given the context that the client's request came with */
  samples(exchange: Exchange, traceId: string, given: TraceContext | undefined): boolean {
    for (const { fits, ratio } of this.#rules) if (fits(exchange)) return isWithin(traceId, ratio) && this.#isRoom(exchange);
    return this.#parent && given ? given.isSampled : isWithin(traceId, this.#ratio) && this.#isRoom(exchange);
  }

  #isRoom({ timings: { start } }: Exchange): boolean {
    const second = Math.floor(start / 1_000);
    if (second !== this.#second) this.#sampled = 0;
    this.#second = second;
    return ++this.#sampled <= this.#most;
  }
}

function isWithin(traceId: string, ratio: number): boolean {
  if (ratio >= 1) return true;
  return ratio > 0 && Number.parseInt(traceId.slice(-DIGITS), 16) < ratio * RANGE;
}

function fitsOf({ methods, names, roles, endpoints }: Rule): Fits {
  const tests: Fits[] = [];
  if (methods) tests.push(globsOf(methods, ({ method }) => method));
  if (names) tests.push(globsOf(names, nameOf));
  if (roles) tests.push(({ principal }) => principal.roles.some((role) => roles.includes(role)));
  if (endpoints) tests.push(({ caller }) => endpoints.includes(caller.endpoint ?? ""));
  return (exchange) => tests.every((test) => test(exchange));
}

function globsOf(globs: readonly string[], textOf: (exchange: Exchange) => string | undefined): Fits {
  const fits = matcher(globs);
  return (exchange) => {
    const text = textOf(exchange);
    return text !== undefined && fits({ name: text, upstream: "", native: text });
  };
}

/** What a request names, before anything is looked up. */
function nameOf({ original: { name, uri } }: Exchange): string | undefined {
  if (typeof name === "string") return name;
  return typeof uri === "string" ? uri : undefined;
}
