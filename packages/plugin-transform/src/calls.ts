import {
  type Awaitable,
  type Exchange,
  type Handler,
  isObject,
  type Json,
  type Logger,
  type NotificationOrigin,
  PeerError,
  refuse,
} from "mcp-host";
import type { Context, Source } from "./context.ts";
import { documentOf, picked } from "./document.ts";
import { type Engine, ProgramError } from "./engine.ts";
import type { Place } from "./options.ts";
import type { Reading } from "./reading.ts";
import type { Records } from "./records.ts";
import { rewrite, rewriteResult } from "./rewrite.ts";
import type { Rewriting } from "./rewriting.ts";
import type { Compiled, Plan, Rules } from "./rules.ts";

export interface CallsOptions {
  readonly rules: Rules;
  readonly engine: Engine;
  readonly records: Records;
  readonly reading: Reading;
  readonly log: Logger;
  readonly environment: Context["environment"];
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The notifications whose words may tell something, and where. */
const TOLD: Readonly<Record<string, readonly string[]>> = {
  "notifications/message": ["data", "logger"],
  "notifications/progress": ["message"],
  "notifications/tasks/status": ["statusMessage"],
};

type Params = Readonly<Json>;
type Notice = { readonly method: string; readonly params?: Json };

/** What the rules do with calls: arguments on their way in, results and errors on their way out, messages in between. */
export class Calls {
  readonly #options: CallsOptions;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  // --- arguments ---

  /** The params of a call of a tool or prompt as the upstream gets them. */
  arguments<P extends Params>(params: P, exchange: Exchange): Awaitable<P> {
    const plan = this.#options.rules.ofCall(exchange);
    if (!plan || (!plan.args && !plan.truncation?.rest && plan.validateArguments.length === 0 && plan.rewritings.arguments.length === 0))
      return params;
    const { records, reading } = this.#options;
    const given = params.arguments ?? {};
    if (!isObject(given)) throw refuse("invalid_params", "params.arguments must be an object");
    const asked = reading.asked(plan, exchange.method, params);
    const own = reading.without(plan, exchange.method, given);
    let edited: unknown = own;
    for (const rewriting of plan.rewritings.arguments) edited = rewrite(edited, rewriting);
    if (plan.args) edited = plan.args.apply(edited as Json, (source) => this.#look(source, exchange)); // rewritten, an object stays one
    if (exchange.method === "prompts/get") edited = inText(edited as Json);
    const after = records.changed("arguments", plan, exchange.entry, own, edited as Json);
    const guarded = (records.isDry || !plan.args ? params : plan.args.guarded(params)) as P; // no field that P knows is left out
    const sent = after === given ? guarded : { ...guarded, arguments: { ...after, ...reading.only(given, own) } };
    // Whoever reads the rest of a result sends nothing to the upstream.
    if (plan.validateArguments.length === 0 || asked !== undefined) return sent;
    return this.#validate(plan, plan.validateArguments, after, exchange, "arguments").then(() => sent);
  }

  /** The params of a completion: its argument and those that are known already are treated like a call's. */
  completion<P extends Params>(params: P, exchange: Exchange): P {
    const { rules, records } = this.#options;
    const plan = rules.ofCall(exchange);
    const rewritings = plan?.rewritings.arguments ?? [];
    if (!plan || (!plan.args && rewritings.length === 0)) return params;
    const { argument, context = {} } = params;
    if (!isObject(argument) || typeof argument.name !== "string") throw refuse("invalid_params", "params.argument must have a name");
    const known = isObject(context) ? (context.arguments ?? {}) : undefined;
    if (!isObject(context) || !isObject(known)) throw refuse("invalid_params", "params.context.arguments must be an object");
    const native = plan.args ? plan.args.native(argument.name) : argument.name;
    if (native === undefined && !records.isDry) throw refuse("invalid_params", `Unknown argument: ${argument.name.slice(0, 128)}`);
    const name = native ?? argument.name;
    // Rewritten under its name, since fields may be taken out by theirs; an object stays one.
    const clean = (args: Json): Json => rewritings.reduce((each, rewriting) => rewrite(each, rewriting) as Json, args);
    const [value] = Object.values(clean({ [argument.name]: argument.value }));
    let others = clean(known);
    if (plan.args) {
      const { [name]: _, ...beside } = plan.args.apply(others, (source) => this.#look(source, exchange));
      others = inText(beside);
    }
    const around = plan.args?.guarded(context) ?? context;
    const hasContext = params.context !== undefined || Object.keys(others).length > 0;
    const after = {
      ...params,
      argument: { ...argument, name, value },
      ...(hasContext && { context: { ...around, arguments: others } }),
    };
    return records.changed("arguments", plan, exchange.entry, params, after); // no field that P knows is left out
  }

  // --- results ---

  /** A result as the client gets it. */
  results(result: Params, exchange: Exchange): Awaitable<Params> {
    const { rules, reading } = this.#options;
    const plan = rules.ofCall(exchange);
    if (plan && isTask(result)) return this.#aboutTasks(result, plan, exchange);
    if (!plan || !isResult(exchange) || reading.asked(plan, exchange.method, exchange.params) !== undefined) return result;
    const isProgrammed = plan.validateResult.length > 0 || plan.shapes.some(({ kind }) => kind === "jsonata");
    return isProgrammed && result.isError !== true
      ? this.#programmed(result, plan, exchange)
      : this.#finished(result, result, plan, exchange);
  }

  async #programmed(result: Params, plan: Plan, exchange: Exchange): Promise<Params> {
    if (plan.validateResult.length > 0)
      await this.#validate(plan, plan.validateResult, documentOf(result)?.value ?? null, exchange, "results");
    let shaped = rewritten(result, plan.strips.results);
    for (const shape of plan.shapes) {
      const document = documentOf(shaped);
      if (!document) continue;
      if (shape.kind === "pick") shaped = reshaped(shaped, picked(document.value, shape.paths));
      else {
        const value = await this.#run(plan, shape, document.value, exchange, "results");
        if (value === undefined) continue;
        // Clients are promised structure, and the SDK's refuse a result without it.
        if (plan.outputSchema && !isObject(value))
          this.#refuse(plan, exchange, "results", "structure", () =>
            refuse("plugin_failure", `${shape.place} of plugin transform gave no object, which its outputSchema promises`, { sent: "yes" }),
          );
        shaped = document.write(value, plan.outputSchema !== undefined);
      }
    }
    return this.#finished(result, shaped, plan, exchange, true);
  }

  #finished(before: Params, given: Params, plan: Plan, exchange: Exchange, isShaped = false): Params {
    const { records, reading } = this.#options;
    let result = given;
    if (!isShaped) {
      result = rewritten(result, plan.strips.results);
      if (result.isError !== true)
        for (const shape of plan.shapes)
          if (shape.kind === "pick") result = reshaped(result, picked(documentOf(result)?.value, shape.paths));
    }
    if (plan.enriched.length > 0 && result.isError !== true) result = this.#enriched(result, plan, exchange);
    result = rewritten(result, plan.redactions);
    return records.changed("results", plan, exchange.entry, before, reading.cut(result, plan, exchange));
  }

  #enriched(result: Params, plan: Plan, exchange: Exchange): Params {
    const added = Object.fromEntries(
      plan.enriched.map(([name, source]) => [name, this.#look(source, exchange)]).filter(([, value]) => value !== undefined),
    );
    const document = documentOf(result);
    if (document && isObject(document.value)) return document.write({ ...document.value, ...added }, false);
    // What has no fields to add to gets them beside its content.
    return { ...result, _meta: { ...(isObject(result._meta) && result._meta), "io.mcp-host/context": added } };
  }

  // --- around a call ---

  /** What is put around the calls to an upstream. */
  around(next: Handler): Handler {
    const { rules, reading } = this.#options;
    return (exchange) => {
      const plan = rules.ofCall(exchange);
      if (!plan) return next(exchange);
      const asked = reading.asked(plan, exchange.method, exchange.params);
      if (asked !== undefined) return reading.on(asked, plan, exchange);
      const rewritings = plan.rewritings.errors;
      if (rewritings.length === 0) return next(exchange);
      return next(exchange).then(undefined, (error: unknown) => {
        throw this.#error(error, plan, rewritings, exchange);
      });
    };
  }

  /** What is put around requests about tasks: what they say of themselves is treated like what is told of them. */
  aroundTasks(next: Handler, upstream: string): Handler {
    const { rules } = this.#options;
    return async (exchange) => {
      const result = await next(exchange);
      const { entry } = exchange;
      // A list has no entry of its own.
      const plan = entry && entry.kind !== "method" ? rules.ofCall(exchange) : rules.ofUpstream(upstream);
      return plan ? this.#aboutTasks(result, plan, exchange) : result;
    };
  }

  #aboutTasks(result: Params, plan: Plan, exchange: Exchange): Params {
    const rewritings = plan.rewritings.logs;
    if (rewritings.length === 0) return result;
    const clean = (task: unknown): unknown =>
      isObject(task) && task.statusMessage !== undefined ? { ...task, ...deep({ statusMessage: task.statusMessage }, rewritings) } : task;
    const after = {
      ...(clean(result) as Json), // a result is an object, and stays one
      ...(isObject(result.task) && { task: clean(result.task) }),
      ...(Array.isArray(result.tasks) && { tasks: result.tasks.map(clean) }),
    };
    return this.#options.records.changed("logs", plan, exchange.entry, result, after);
  }

  #error(error: unknown, plan: Plan, rewritings: readonly Rewriting[], exchange: Exchange): unknown {
    if (!(error instanceof PeerError)) return error; // the host's own errors quote no upstream
    const { rpc } = error;
    const after = { ...rpc, ...deep({ message: rpc.message, data: rpc.data }, rewritings) };
    if (after.message === rpc.message && after.data === rpc.data) return error;
    return this.#options.records.changed("errors", plan, exchange.entry, error, new PeerError(after));
  }

  /** A message of an upstream as clients get it. */
  told<N extends Notice>(notification: N, { upstream, exchange }: Pick<NotificationOrigin, "upstream" | "exchange">): N {
    const { rules, records } = this.#options;
    const fields = TOLD[notification.method];
    const { params } = notification;
    if (!fields || !params) return notification;
    const entry = exchange?.entry;
    const plan = entry ? rules.ofCall(exchange) : rules.ofUpstream(upstream);
    const rewritings = plan?.rewritings.logs;
    if (!plan || !rewritings?.length) return notification;
    const words = Object.fromEntries(fields.filter((field) => params[field] !== undefined).map((field) => [field, params[field]]));
    const after = deep(words, rewritings);
    return after === words
      ? notification
      : records.changed("logs", plan, entry, notification, { ...notification, params: { ...params, ...after } });
  }

  // --- programs ---

  async #validate(
    plan: Plan,
    schemas: readonly Compiled[],
    value: unknown,
    exchange: Exchange,
    stage: "arguments" | "results",
  ): Promise<void> {
    for (const schema of schemas) {
      const wrong = (await this.#run(plan, schema, value, exchange, stage)) as readonly string[] | undefined; // a schema gives what is wrong
      if (wrong === undefined || wrong.length === 0) continue;
      const { entry } = exchange;
      this.#refuse(plan, exchange, stage, "schema", () =>
        stage === "arguments"
          ? refuse("invalid_params", `${entry?.kind} "${entry?.name}" does not take these arguments: ${wrong.join("; ")}`)
          : refuse(
              "upstream_protocol",
              `${entry?.kind} "${entry?.name}" answered something that its schema does not allow: ${wrong.join("; ")}`,
              {
                sent: "yes",
              },
            ),
      );
    }
  }

  /** What a program gives; undefined where it failed in a dry run. */
  async #run(plan: Plan, { program, place }: Compiled, input: unknown, exchange: Exchange, stage: Place): Promise<unknown> {
    try {
      return await this.#options.engine.run(program, input, exchange.scope);
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
      const { kind, message } = error;
      this.#options.log.warn("an expression or schema gave nothing", {
        place,
        why: message,
        entry: exchange.entry?.name,
        requestId: exchange.id,
      });
      const type =
        kind === "size" ? "payload_too_large" : kind === "busy" ? "overloaded" : kind === "closed" ? "shutting_down" : "plugin_failure";
      const sent = stage === "arguments" ? "no" : "yes";
      this.#refuse(plan, exchange, stage, kind, () =>
        refuse(type, `${place} of plugin transform could not be applied: ${message}`, { sent }),
      );
      return undefined;
    }
  }

  #refuse(plan: Plan, exchange: Exchange, stage: Place, why: string, error: () => Error): void {
    const { records } = this.#options;
    records.refused(why);
    if (!records.isDry) throw error();
    if (stage === "arguments" || stage === "results") records.would(stage, plan, exchange.entry, { refused: error().message });
  }

  #look(source: Source, exchange: Exchange): unknown {
    const { environment, now } = this.#options;
    return source({ exchange, now: now(), environment });
  }
}

/** Whether it is an answer, and not a question that comes before it. */
function isResult({ resultKind }: Exchange): boolean {
  return resultKind === "complete";
}

/** Whether it is a task that will have an answer. */
function isTask(result: Params): boolean {
  return isObject(result.task) && result.content === undefined;
}

function rewritten(result: Params, rewritings: readonly Rewriting[]): Params {
  let after = result;
  for (const rewriting of rewritings) after = rewriteResult(after, rewriting);
  return after;
}

function reshaped(result: Params, value: unknown): Params {
  const document = documentOf(result);
  return document && typeof document.value === "object" ? document.write(value, false) : result;
}

/** A prompt's arguments are texts. */
function inText(args: Json): Json {
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]));
}

function deep<T extends Json>(value: T, rewritings: readonly Rewriting[]): T {
  // Rewriting changes texts and leaves an object's fields.
  return rewritings.reduce((each, rewriting) => rewrite(each, { ...rewriting, within: rewriting, keys: false }) as T, value);
}
