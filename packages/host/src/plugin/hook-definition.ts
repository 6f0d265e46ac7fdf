import type { MethodRow } from "../exchange/methods.ts";
import type { Subject, Tappable, TappableMap } from "./hook-types.ts";

type SyncKind = "SyncHook" | "SyncBailHook" | "SyncWaterfallHook";
type AsyncKind = "AsyncSeriesHook" | "AsyncSeriesBailHook" | "AsyncSeriesWaterfallHook";

/** Any function; `never` takes what every one of them takes. */
export type AnyFn = (...args: never[]) => unknown;

/** How a hook runs, and what is said of it: what the guard, the pages and `inspect` need to know. */
export interface HookDefinition {
  /** Which of tapable's classes it is. */
  readonly kind: SyncKind | AsyncKind;
  readonly args: readonly string[];
  /** Whether it is a map of hooks by request method. */
  readonly keyed: boolean;
  /** Of such a map: whether requests of a method come to it. */
  readonly passes?: (row: MethodRow) => boolean;
  /** Always fails closed, whatever the config says. */
  readonly closed?: true;
  /** A bail hook that decides: `false` refuses, and anything else but `undefined` is an error, which refuses as well. */
  readonly decides?: true;
  /** Its taps make handlers, which are composed and not run one after the other. */
  readonly composed?: true;
  /** Whoever starts the host is told why a tap failed. It may find the options wrong and say so with a ConfigError, in words of its own. */
  readonly tellsOperator?: true;
  /** What a tap decides about an exchange by what it gives: a bail hook by anything, a waterfall by what ends it. */
  readonly decision?: "routed" | "answered";
  /** What a tap is run for, from its arguments: without it an entry of the config whose plugin taps the hook may have no `when`. */
  readonly about?: (...args: never[]) => Subject;
  /** Its first argument is a list of which a condition may mean a part. */
  readonly partial?: true;
  /** Whether what a tap gave is the end: the taps behind it are passed over. */
  readonly ends?: (value: unknown) => boolean;
  /** What is wrong with what a tap of an asynchronous, waterfall or bail hook gave, given what it got. A breach is the plugin's failure. */
  readonly breach?: (value: never, ...args: never[]) => string | undefined;
  /** What a tap gives back. */
  readonly gives: string;
  /** Who answers when no tap did. */
  readonly host: string;
  readonly purpose: string;
}

/** A text for each of some parameters. */
type Named<Args extends unknown[]> = { readonly [Index in keyof Args]: string };

/** A definition whose class, arguments and checks fit the function that taps it. */
type Fitting<Fn extends AnyFn> = Omit<HookDefinition, "kind" | "args" | "keyed" | "passes" | "breach" | "about"> & {
  readonly kind: [Extract<ReturnType<Fn>, PromiseLike<unknown>>] extends [never] ? SyncKind : AsyncKind;
  readonly args: Named<Parameters<Fn>>;
  readonly about?: (...args: Parameters<Fn>) => Subject;
  readonly breach?: (value: NonNullable<Awaited<ReturnType<Fn>>>, ...args: Parameters<Fn>) => string | undefined;
};

/** A row of the table: a hook whose taps are an `Fn`. */
export interface HookRow<Fn extends AnyFn = AnyFn> extends HookDefinition {
  readonly keyed: false;
  /** Only a type. */
  readonly fn?: Fn;
}

/** A row of the table: hooks by method, whose taps are those of `Fns`. */
export interface KeyedHookRow<Fns = Record<"*", AnyFn>> extends HookDefinition {
  readonly keyed: true;
  readonly passes: NonNullable<HookDefinition["passes"]>;
  /** Only a type. */
  readonly fns?: Fns;
}

export function hook<Fn extends AnyFn>(definition: Fitting<Fn>): HookRow<Fn> {
  return { ...(definition as Omit<HookDefinition, "keyed">), keyed: false }; // wider: what fits one function is a definition
}

export function hookByMethod<Fns extends Record<"*", AnyFn>>(
  definition: Fitting<Fns["*"]> & Pick<KeyedHookRow, "passes">,
): KeyedHookRow<Fns> {
  return { ...(definition as Omit<KeyedHookRow<Fns>, "keyed">), keyed: true }; // as above
}

/** A hook as plugins tap it. */
export type TappableOf<Row> =
  Row extends KeyedHookRow<infer Fns extends Record<"*", AnyFn>> ? TappableMap<Fns> : Row extends HookRow<infer Fn> ? Tappable<Fn> : never;

/** What a tap of a row is; of one by method, that of every method. */
export type TapOf<Row> =
  Row extends KeyedHookRow<infer Fns extends Record<"*", AnyFn>> ? Fns["*"] : Row extends HookRow<infer Fn> ? Fn : never;
