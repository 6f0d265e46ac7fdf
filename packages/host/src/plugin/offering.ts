import type { z } from "zod";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Caller } from "../exchange/caller.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { Json } from "../wire/message.ts";
import type { LEVELS } from "../wire/versions.ts";

/** What a value may be: a zod schema, or a JSON Schema (2020-12 unless its `$schema` says draft-07). */
export type OfferSchema = z.ZodType | Readonly<Json>;

/** What a schema lets through: of zod what it makes of it, of JSON Schema the object as it came. */
type Given<Schema> = Schema extends z.ZodType ? z.output<Schema> : Readonly<Json>;

/** What has to fit a schema. */
type Fitting<Schema> = Schema extends z.ZodType ? z.input<Schema> : Readonly<Json>;

/** What a handler has besides its arguments. */
export interface OfferContext {
  /** The request that is answered: whose it is, and `call` and `ask` on behalf of that caller. */
  readonly exchange: Exchange;
  /** Aborted when nobody waits for the answer any more: cancelled, out of time, or the plugin goes. */
  readonly signal: AbortSignal;
  /** Tells how far it is, and that it is at work: silence beyond 60 s ends a call. @param progress more each time */
  progress(progress: number, total?: number, message?: string): void;
  /** Tells the client something, if its log level lets it through. @param data any JSON */
  log(level: (typeof LEVELS)[number], data: unknown, logger?: string): void;
}

/** Fields that every listed entry may have. */
interface Described {
  readonly title?: string;
  readonly description?: string;
  readonly icons?: readonly Readonly<Json>[];
  readonly _meta?: Readonly<Json>;
}

/** One piece of content, as the protocol has it. */
export interface OfferContent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A tool's result. Without `content` the client gets the structured content as text, too. */
export type OfferToolResult<Output = unknown> =
  | { readonly content?: readonly OfferContent[]; readonly structuredContent: Fitting<Output>; readonly _meta?: Readonly<Json> }
  | { readonly content: readonly OfferContent[]; readonly isError?: boolean; readonly _meta?: Readonly<Json> };

export interface OfferTool<Input = unknown, Output = unknown> extends Described {
  readonly annotations?: Readonly<Json>;
  /** Its arguments, an object; default: any. Those that do not fit are told to the model, and `call` is not run. */
  readonly input?: Input & OfferSchema;
  /** Its structured content, an object. A result that does not fit is the plugin's failure. */
  readonly output?: Output & OfferSchema;
  /** @returns a text, pieces of content, or a result */
  call(args: Given<Input>, context: OfferContext): Awaitable<string | readonly OfferContent[] | OfferToolResult<Output>>;
}

/** Gives the values that an argument may have which begins like this; at most 100 are told. @param others arguments that are chosen already */
export type OfferCompletion = (
  value: string,
  others: Readonly<Record<string, string>>,
  context: OfferContext,
) => Awaitable<readonly string[]>;

export interface OfferPromptArgument {
  readonly title?: string;
  readonly description?: string;
  readonly required?: boolean;
  readonly complete?: OfferCompletion;
}

export interface OfferPrompt extends Described {
  /** By name. */
  readonly arguments?: Readonly<Record<string, OfferPromptArgument>>;
  /** @returns a text for the user to say, or a result with `messages` */
  get(
    args: Readonly<Record<string, string>>,
    context: OfferContext,
  ): Awaitable<string | { readonly messages: readonly Readonly<Json>[]; readonly [field: string]: unknown }>;
}

/** What is in a resource: a text, bytes, or a result with `contents`. */
export type OfferContents = string | Uint8Array | { readonly contents: readonly Readonly<Json>[]; readonly [field: string]: unknown };

interface Readable extends Described {
  readonly name: string;
  readonly mimeType?: string;
  readonly annotations?: Readonly<Json>;
}

export interface OfferResource extends Readable {
  /** In bytes. */
  readonly size?: number;
  read(context: OfferContext): Awaitable<OfferContents>;
}

export interface OfferTemplate extends Readable {
  /** @param variables as the client wrote them, percent-decoded: look before one becomes a part of a path */
  read(uri: string, variables: Readonly<Record<string, string>>, context: OfferContext): Awaitable<OfferContents>;
  /** By variable. */
  readonly complete?: Readonly<Record<string, OfferCompletion>>;
}

/** What a plugin offers of its own. The kinds that it names are declared to clients, empty ones too, so that entries may come later. */
export interface Offering<Inputs = Readonly<Record<string, unknown>>> {
  readonly tools?: { readonly [Name in keyof Inputs]: OfferTool<Inputs[Name]> };
  readonly prompts?: Readonly<Record<string, OfferPrompt>>;
  /** By URI. */
  readonly resources?: Readonly<Record<string, OfferResource>>;
  /** By URI template, whose variables are `{name}` (a part of a path) and `{+name}` (with slashes). */
  readonly templates?: Readonly<Record<string, OfferTemplate>>;
}

interface Updatable {
  /** A resource is another now: told to whoever subscribed to it. */
  updated(uri: string): void;
}

/** What came of an offer to all callers. */
export interface OfferedToAll extends Updatable {
  /** Offers this in its place. Clients are told of the lists that changed. @throws ConfigError where it cannot be offered */
  update<Inputs>(offering: Offering<Inputs>): void;
}

/** What came of an offer to each caller. */
export interface OfferedToEach extends Updatable {
  /** Asks again what each caller is offered; the same function will do. Clients are told of the lists that changed. */
  update(offering: (caller: Caller) => Offering): void;
}

/** `host.offer`. */
export interface Offer {
  /**
   * Offers each caller something else: asked once when a caller comes, and at each `update`. Where it throws, or gives what
   * cannot be offered, the log says so and that caller is offered nothing.
   */
  (offering: (caller: Caller) => Offering): OfferedToEach;
  /** Offers the same to all callers. @throws ConfigError where it cannot be offered */
  <Inputs>(offering: Offering<Inputs>): OfferedToAll;
}

/** Gives a tool the types of its schemas, where it is made by itself or for single callers; the identity at run time. */
export function defineTool<Input, Output = unknown>(tool: OfferTool<Input, Output>): OfferTool<Input, Output> {
  return tool;
}
