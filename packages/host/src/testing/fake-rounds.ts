import { type Id, isObject, type Json, metaOf } from "../wire/message.ts";
import { capabilitiesIn, envelopeOf, modernMethod } from "../wire/modern.ts";
import { severity } from "../wire/versions.ts";
import type { FakeContext } from "./fake-server.ts";
import { JsonRpcError } from "./json-rpc-end.ts";

// Taken now: a test that puts fake timers in their place means those of the code under test.
const { setImmediate } = globalThis;

/** A request on its way at a fake upstream. */
export interface Served {
  readonly id: Id;
  readonly method: string;
  readonly params: Json;
  /** Aborted when it is cancelled, or the connection closed. */
  readonly signal: AbortSignal;
  notify(method: string, params: Json): void;
}

/** JSON-RPC code for a request that needs a capability which it does not declare (2026-07-28, basic). */
const MISSING_CAPABILITY = -32021;

/** What a client declares to be asked so. */
const CAPABILITIES: ReadonlyMap<string, string> = new Map([
  ["elicitation/create", "elicitation"],
  ["sampling/createMessage", "sampling"],
  ["roots/list", "roots"],
]);

/** Calls that wait for a client who does not come back. */
const WAITING = 1_000;

interface Call {
  /** The request that it is answered on now. */
  served: Served;
  readonly stop: AbortController;
  /** What is asked, by key, until it is answered. */
  readonly questions: Map<string, { readonly request: Json; readonly answer: (result: Json) => void }>;
  lastQuestion: number;
  outcome: Promise<Json>;
  /** Ends the request that it is on with what is asked; undefined while it is on none. */
  ask: (() => void) | undefined;
}

/**
 * Has tools of the modern era ask as those of the legacy era do: the request is answered with the questions, and the call
 * goes on under the one that brings the answers.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export class FakeRounds {
  readonly #waiting = new Map<unknown, Call>();
  #last = 0;

  /** Answers a request by `work`, or by that of the request before it which asked. */
  answer(served: Served, work: (context: FakeContext) => Promise<Json>): Promise<Json> {
    const { requestState, inputResponses } = served.params;
    const waiting = this.#waiting.get(requestState);
    if (!waiting) return this.#turn(begun(served, work), served);
    this.#waiting.delete(requestState);
    for (const [key, answer] of Object.entries(isObject(inputResponses) ? inputResponses : {})) {
      const question = waiting.questions.get(key);
      waiting.questions.delete(key);
      question?.answer(answer as Json); // the host sends no others
    }
    return this.#turn(waiting, served);
  }

  #turn(call: Call, served: Served): Promise<Json> {
    call.served = served;
    served.signal.addEventListener("abort", () => call.served === served && call.stop.abort(), { once: true });
    const asked = new Promise<Json>((resolve) => {
      call.ask = () => {
        call.ask = undefined;
        setImmediate(() => resolve(this.#round(call))); // with what is asked in the same breath
      };
      if (call.questions.size > 0) call.ask(); // what was left unanswered
    });
    return Promise.race([call.outcome, asked]);
  }

  #round(call: Call): Json {
    const requestState = `round-${++this.#last}`;
    if (!call.stop.signal.aborted) this.#waiting.set(requestState, call);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > WAITING) this.#waiting.delete(oldest);
    const inputRequests = Object.fromEntries([...call.questions].map(([key, { request }]) => [key, request]));
    return { resultType: "input_required", inputRequests, requestState };
  }
}

function begun(served: Served, work: (context: FakeContext) => Promise<Json>): Call {
  const call: Call = {
    served,
    stop: new AbortController(),
    questions: new Map(),
    lastQuestion: 0,
    outcome: Promise.resolve({}),
    ask: undefined,
  };
  const context: FakeContext = {
    progress: (...step) => tellProgress(call.served, ...step),
    log(level, data) {
      const wanted = envelopeOf(call.served.params)?.logLevel;
      if (wanted !== undefined && severity(level) >= severity(wanted)) call.served.notify("notifications/message", { level, data });
    },
    async ask(method, params) {
      checkAsking(call.served, method);
      return new Promise((answer) => {
        call.questions.set(`q${++call.lastQuestion}`, { request: { method, ...(params && { params }) }, answer });
        call.ask?.();
      });
    },
    signal: call.stop.signal,
    get meta() {
      return metaOf(call.served.params);
    },
    get request() {
      return call.served.params;
    },
  };
  call.outcome = work(context);
  call.outcome.catch(() => {}); // it may fail while nobody waits for it
  return call;
}

/** @throws JsonRpcError where the client of a request may not be asked that */
function checkAsking({ method, params }: Served, asked: string): void {
  if (!modernMethod(method)?.hasRounds) throw new JsonRpcError(-32603, `no client can be asked during ${method}`);
  const needed = CAPABILITIES.get(asked);
  const envelope = envelopeOf(params);
  if (needed === undefined || isObject(envelope && capabilitiesIn(envelope)?.[needed])) return;
  const data = { requiredCapabilities: { [needed]: {} } };
  throw new JsonRpcError(MISSING_CAPABILITY, `${asked} needs the client capability "${needed}"`, data);
}

/** Tells how far a request is, where its client wants to know. */
export function tellProgress(
  { params, notify }: Pick<Served, "params" | "notify">,
  progress: number,
  total?: number,
  message?: string,
): void {
  const progressToken = metaOf(params)?.progressToken;
  if (progressToken === undefined) return;
  notify("notifications/progress", {
    progressToken,
    progress,
    ...(total !== undefined && { total }),
    ...(message !== undefined && { message }),
  });
}
