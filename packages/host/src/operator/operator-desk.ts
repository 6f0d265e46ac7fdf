import { z } from "zod";
import { nearest } from "../config/nearest.ts";
import { keysAt } from "../config/option-keys.ts";
import { placeOf } from "../config/parse.ts";
import { kindOf, wording } from "../config/wording.ts";
import { HostError } from "../errors.ts";
import type { Act, Desk, OperatedHost } from "../host/operated-host.ts";
import type { OperatorControls } from "../host/options.ts";
import { ANY_PARAMS, type Followed, type Operation, type OperationInfo, type Who } from "../plugin/operations.ts";
import { redact, redactText } from "../redact.ts";
import { withDeadline } from "../wire/deadline.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { ConfigDesk } from "./config-desk.ts";
import { OPERATION_DEADLINE, REQUEST_BYTES } from "./control-protocol.ts";
import type { HostOperation, ServedControls } from "./host-operation.ts";
import { hostOperations } from "./host-operations.ts";
import type { OperatorStreams } from "./operator-streams.ts";

/** Longest result of an operation. */
const RESULT_BYTES = 16 * 1024 * 1024;
/** How many may be under way at once for plugins and programs. */
const AT_ONCE = 64;
const NAME_LENGTH = 256;

/** Where who has something done is not the name of a person or a program. */
export type OwnOperator = "socket" | "signal" | "watch" | "program";

/** One operation, whoever offers it. */
interface Found {
  readonly name: string;
  readonly plugin: string | undefined;
  readonly operation: Operation | HostOperation;
}

/**
 * Where everything is done that operators have done to a running host, whether over the control socket, by a signal, through a plugin or
 * by the program that the host is a part of: one table, one set of bounds, and taps of `operated` are told.
 */
export class OperatorDesk implements Desk {
  readonly host: OperatedHost;
  #controls: Partial<ServedControls>;
  #config: ConfigDesk | undefined;
  #streams: Promise<OperatorStreams> | undefined;
  #underWay = 0;

  constructor(host: OperatedHost, controls: OperatorControls = {}) {
    this.host = host;
    this.#controls = controls;
  }

  /** What the host's own operations do in a program that only serves. */
  equip(controls: ServedControls, config: ConfigDesk, streams: OperatorStreams): void {
    this.#controls = controls;
    this.#config = config;
    this.#streams = Promise.resolve(streams);
  }

  /** The operations that plugins and programs may run. */
  list(): readonly OperationInfo[] {
    return this.#all(false).map(({ name, plugin, operation }) => ({
      name,
      plugin,
      description: operation.description,
      params: schemaOf(operation.params, "input"),
      result: schemaOf(operation.result ?? ANY_PARAMS, "output"),
      reads: operation.reads,
      scope: operation.scope ?? (operation.reads ? "read" : "operate"),
    }));
  }

  async follow(what: Followed, query: Readonly<Json>, signal: AbortSignal): Promise<AsyncIterable<string>> {
    return (await this.streams()).follow(what, query, signal);
  }

  /** The log and the requests, as they are followed: loaded when somebody does, unless a program that serves gave them. */
  streams(): Promise<OperatorStreams> {
    this.#streams ??= import("./operator-streams.ts").then(({ OperatorStreams }) => new OperatorStreams(this.host));
    return this.#streams;
  }

  /** What there is for whoever asks. */
  #all(isSocket: boolean): Found[] {
    const own = Object.entries(this.#own).filter(([, { socketOnly }]) => isSocket || socketOnly !== true);
    return [...own.map(([name, operation]) => ({ name, plugin: undefined, operation })), ...this.host.operations.all()];
  }

  /** For a plugin, or for the program without one. @throws Error that says why it was not done */
  async run(name: string, params: Readonly<Json>, who: Who, plugin?: string): Promise<Readonly<Json>> {
    const id = typeof who === "object" && who !== null ? who.id : who;
    if (typeof id !== "string" || id === "" || id.length > NAME_LENGTH)
      throw new Error(
        `operation "${name}": who has it done must be a principal or a name of at most ${NAME_LENGTH} characters, such as "admin:alice"`,
      );
    // The host's own operators are bounded where they come in: however many operations of plugins hang, it can be stopped.
    if (this.#underWay >= AT_ONCE)
      throw new HostError("overloaded", `operation "${name}" was not begun, since ${AT_ONCE} are under way; ask again later`);
    this.#underWay++;
    try {
      return await this.#run(name, params, { who: id, ...(plugin !== undefined && { via: plugin }) }, false);
    } finally {
      this.#underWay--;
    }
  }

  /** For the host itself, in whose name nobody else asks. */
  runFor(who: OwnOperator, name: string, params: Readonly<Json> = {}): Promise<Readonly<Json>> {
    return this.#run(name, params, { who }, who === "socket");
  }

  async #run(name: string, params: Readonly<Json>, by: Pick<Act, "who" | "via">, isSocket: boolean): Promise<Readonly<Json>> {
    await this.host.prepare();
    const { plugin, operation } = this.#find(name, isSocket);
    const what = plugin === undefined ? `"${name}"` : `operation "${name.slice(plugin.length + 1)}" of plugin "${plugin}"`;
    const given = plain(params, REQUEST_BYTES, `${what} was given`);
    const run = async (): Promise<Readonly<Json>> => {
      const work = fitting(given, operation, what).then((fit) => operation.run(fit, by.who));
      return plain(await inTime(work, what), RESULT_BYTES, `${what} gave`);
    };
    if (operation.reads) return run();
    const shown = "told" in operation && operation.told ? operation.told(given) : given;
    return this.told({ ...by, operation: name, ...(plugin !== undefined && { plugin }), params: shown }, run);
  }

  async told<T>({ params = {}, ...act }: Act, work: () => Promise<T>): Promise<T> {
    const at = this.host.clock.now();
    const tell = (outcome: string): void => {
      const shown = redact(params) as Json; // a copy of an object is one
      this.host.tell(Object.freeze({ at, ...act, params: shown, outcome }));
    };
    let result: T;
    try {
      result = await work();
    } catch (error) {
      tell(redactText(error instanceof Error ? error.message : String(error)));
      throw error;
    }
    tell("ok");
    return result;
  }

  get #own(): Readonly<Record<string, HostOperation>> {
    return hostOperations(this.host, this.#controls, this.#config);
  }

  #find(name: string, isSocket: boolean): Found {
    const own = this.#own;
    const operation = Object.hasOwn(own, name) ? own[name] : undefined;
    if (operation?.socketOnly && !isSocket)
      throw new HostError("forbidden", `"${name}" is for the control socket alone: what it gives may hold secrets`);
    if (operation) return { name, plugin: undefined, operation };
    const found = this.host.operations.find(name);
    if (found) return { name, ...found };
    const names = this.#all(isSocket).map((each) => each.name);
    throw new HostError("not_found", `there is no operation "${name}"${nearest(name, names)}; there are ${names.join(", ")}`);
  }
}

/** A copy as JSON has it. @throws Error where it is no object, has no form in JSON, or is too long */
function plain(value: unknown, longest: number, what: string): Json {
  if (!isObject(value)) throw new Error(`${what} ${value === undefined ? "nothing" : kindOf(value)} in the place of an object`);
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new Error(`${what} what JSON cannot hold: ${(error as Error).message}`);
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > longest) throw new HostError("payload_too_large", `${what} ${bytes} bytes; there may be at most ${longest}`);
  return JSON.parse(text) as Json; // what is written of an object is one
}

/** Params as the operation takes them. @throws Error with every place that does not fit */
async function fitting(params: Json, { params: schema }: Operation, what: string): Promise<unknown> {
  const parsed = await schema.safeParseAsync(params, { error: wording });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => {
    const place = ["params", ...(issue.path.length > 0 ? [placeOf(issue.path)] : [])].join(".");
    if (issue.code !== "unrecognized_keys") return [`${place}: ${issue.message}`];
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => `${place}.${key}: there is no such param${nearest(key, known)}`);
  });
  throw new HostError("invalid_params", `${what}: ${problems.join("; ")}`);
}

function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const late = (): never => {
    throw new HostError("operation_timeout", `${what} did not finish within ${OPERATION_DEADLINE} ms`);
  };
  return withDeadline(work, OPERATION_DEADLINE, late, { unref: true });
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Readonly<Json> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
