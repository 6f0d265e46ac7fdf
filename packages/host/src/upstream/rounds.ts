import { randomUUID } from "node:crypto";
import { HostError } from "../errors.ts";
import type { AddedHeader, LinkEvents } from "../wire/link.ts";
import { type Id, isObject, type Json, metaOf, QUESTION_NAME, type Request, type Response } from "../wire/message.ts";
import type { Round, Stamp } from "../wire/modern.ts";
import { fromRpc } from "../wire/peer-error.ts";
import { failure, rootsKept } from "./failure.ts";

/** What the owner of a request says of it. */
export interface Said extends Stamp {
  /** What it brings of the round before it. */
  readonly round?: Round | undefined;
  /** Whether what the server asks is the answer: its owner asks the client, and sends the next request. */
  readonly isRoundOfClient?: boolean;
  /** Whether its client knows questions by their names, too. */
  readonly isNamed?: boolean;
  /** Whether its client has roots that the server is not to know. */
  readonly keepsRoots?: boolean;
}

/** A request that waits for its last answer, over however many rounds. */
export interface Asking {
  /** As its owner knows it. */
  readonly request: Request;
  readonly headers: readonly AddedHeader[] | undefined;
  readonly id: number;
  readonly said: Said;
  /** The id that it has on the wire now. */
  wireId: number;
  /** How often it was answered with questions. */
  rounds: number;
  /** What it carries now, where it was asked again. */
  round: Round | undefined;
  /** For what it was refused unread already, and sent once more. */
  wasRefused: "headers" | "version" | undefined;
  /** Takes the answer in the owner's place, or why there is none. */
  readonly over: ((answer: Json | Error) => void) | undefined;
}

/** One that waits from now on. @param over as above */
export function asking(request: Request, headers: Asking["headers"], said: Said, over?: Asking["over"]): Asking {
  const id = request.id as number; // they are of the owner's minting
  return { request, headers, id, said, wireId: id, rounds: 0, round: said.round, wasRefused: undefined, over };
}

export interface RoundsOptions {
  readonly upstream: string;
  /** Whom the questions are handed to, as requests of the server that came on the stream of the call. */
  readonly events: Pick<LinkEvents, "message" | "nextId">;
  /** Sends the request again. */
  readonly again: (call: Asking, round: Round) => void;
  readonly answer: (call: Asking, response: Response) => void;
  readonly fail: (call: Asking, error: HostError) => void;
}

/** A server that asks more often asks for ever. */
const ROUNDS = 10;
/** What a server may put into one answer. */
const QUESTIONS = 100;
/** One that asks nothing and wants to be asked again is given time: it may do so to shed load. */
const FIRST_PAUSE = 100;
const LAST_PAUSE = 2_000;
const METHODS: ReadonlySet<unknown> = new Set(["elicitation/create", "sampling/createMessage", "roots/list"]);

/** What one answer asks. */
interface Open {
  readonly call: Asking;
  readonly state: string | undefined;
  readonly answers: Json;
  left: number;
  pause: NodeJS.Timeout | undefined;
}

/**
 * What a server of the modern era asks by answering `input_required`: each question goes to the client as if the server had
 * sent it on the stream of the call, and with the answers the call is sent again.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export class Rounds {
  readonly #options: RoundsOptions;
  readonly #open = new Map<Asking, Open>();
  /** By the id that the question has for whoever answers it. */
  readonly #questions = new Map<Id, { readonly open: Open; readonly key: string; readonly method: string }>();

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Takes a result that asks. */
  begin(call: Asking, { inputRequests = {}, requestState }: Json): void {
    const { events } = this.#options;
    const problem = this.#problemOf(call, inputRequests, requestState);
    if (problem !== undefined) return this.#broken(call, problem);
    call.rounds++;
    const asked = Object.entries(inputRequests as Record<string, Request>); // it was checked
    if (asked.length > 0 && call.said.isRoundOfClient) {
      // It may ask for them although nobody said that it can.
      if (call.said.keepsRoots && asked.some(([, { method }]) => method === "roots/list"))
        return this.#options.fail(call, rootsKept(this.#options.upstream));
      const result = { resultType: "input_required", inputRequests, requestState };
      return this.#options.answer(call, { jsonrpc: "2.0", id: call.id, result });
    }
    const open: Open = { call, state: requestState as string | undefined, answers: {}, left: asked.length, pause: undefined };
    this.#open.set(call, open);
    if (asked.length === 0) {
      const pause = Math.min(FIRST_PAUSE * 2 ** (call.rounds - 1), LAST_PAUSE);
      open.pause = setTimeout(() => this.#goOn(open), pause).unref();
      return;
    }
    const questions = asked.map(([key, { method, params }]) => {
      const id = events.nextId();
      this.#questions.set(id, { open, key, method });
      return { id, method, params: withElicitationId(method, call.said.isNamed ? withName(params, key) : params) };
    });
    // A question may be refused at once, and with it the call.
    for (const { id, method, params } of questions)
      if (this.#questions.has(id)) events.message({ jsonrpc: "2.0", id, method, ...(params && { params }) }, call.id);
  }

  #problemOf(call: Asking, requests: unknown, state: unknown): string | undefined {
    if (call.rounds >= ROUNDS) return `asked more than ${ROUNDS} times before its answer`;
    if (state !== undefined && typeof state !== "string") return "asked with a requestState that is no string";
    if (!isObject(requests)) return "asked with inputRequests that are no object";
    const asked = Object.values(requests);
    if (asked.length > QUESTIONS) return `asked more than ${QUESTIONS} questions at once`;
    if (asked.length === 0 && state === undefined) return "asked nothing and gave no requestState";
    return asked.every((each) => isObject(each) && METHODS.has(each.method) && (each.params === undefined || isObject(each.params)))
      ? undefined
      : "asked what is neither an elicitation, nor sampling, nor for roots";
  }

  #broken(call: Asking, what: string): void {
    this.#options.fail(call, failure(this.#options.upstream, "upstream_protocol", what, "yes"));
  }

  /** Takes the answer to a question. */
  answered(response: Response): void {
    const question = this.#questions.get(response.id as Id);
    if (!question) return; // its call is over
    this.#questions.delete(response.id as Id);
    const { open, key, method } = question;
    const { call } = open;
    if ("result" in response) open.answers[key] = response.result;
    else {
      const error = fromRpc(response.error);
      if (error instanceof HostError)
        return this.#options.fail(call, new HostError(error.type, error.message, { sent: "yes", cause: error }));
      // There is no way to tell the server of an error; of an elicitation it can be told that nobody answered.
      if (method !== "elicitation/create") return this.#options.answer(call, { jsonrpc: "2.0", id: call.id, error: response.error });
      open.answers[key] = { action: "cancel" };
    }
    if (--open.left === 0) this.#goOn(open);
  }

  #goOn({ call, state, answers }: Open): void {
    this.#open.delete(call);
    const isAnswer = Object.keys(answers).length > 0;
    this.#options.again(call, { ...(isAnswer && { inputResponses: answers }), ...(state !== undefined && { requestState: state }) });
  }

  /** The call is over. */
  forget(call: Asking): void {
    const open = this.#open.get(call);
    if (!open) return;
    this.#open.delete(call);
    clearTimeout(open.pause);
    for (const [id, question] of this.#questions) if (question.open === open) this.#questions.delete(id);
  }

  close(): void {
    for (const call of [...this.#open.keys()]) this.forget(call);
  }
}

/** A message has no name for what it asks. */
function withName(params: Json | undefined, name: string): Json {
  return { ...params, _meta: { ...metaOf(params), [QUESTION_NAME]: name } };
}

/** The legacy era wants an id with every URL that a person is sent to. */
function withElicitationId(method: string, params: Json | undefined): Json | undefined {
  if (method !== "elicitation/create" || params?.mode !== "url" || params.elicitationId !== undefined) return params;
  return { ...params, elicitationId: randomUUID() };
}
