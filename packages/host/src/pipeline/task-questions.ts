import { HostError } from "../errors.ts";
import { isObject, type Json } from "../wire/message.ts";

interface Asked {
  readonly method: string;
  readonly params?: Readonly<Json>;
}

/** Of a question to a client: what waits for its answer. */
interface Open {
  readonly request: Asked;
  readonly resolve: (result: Json) => void;
  readonly reject: (error: HostError) => void;
}

/** Questions of one task that are remembered, so that none is asked twice. */
const MOST = 1_000;

/** What the client of one task is asked while the task runs: shown with the task's state until it was answered. */
export class TaskQuestions {
  readonly #open = new Map<string, Open>();
  /** Every name under which something was asked: none comes again. */
  readonly #names = new Set<string>();
  /** What becomes of those that the server has named, until it is told. */
  readonly answers = new Map<string, Promise<Json>>();
  #last = 0;
  #asked: (() => void)[] = [];

  /** Whether something was asked by this name. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Takes note of a question that the server has named. @throws HostError */
  name(name: string): void {
    if (this.#names.size >= MOST) throw new HostError("overloaded", `a task asks more than ${MOST} questions`);
    this.#names.add(name);
  }

  /** Asks. @param name as the server has it; undefined where it has none */
  ask(
    name: string | undefined,
    method: string,
    params: Readonly<Json>,
  ): { readonly answer: Promise<Json>; cancel(error: HostError): void } {
    const own = name ?? `q${++this.#last}`;
    if (name === undefined) this.name(own);
    const answer = new Promise<Json>((resolve, reject) => {
      this.#open.set(own, { request: { method, ...(Object.keys(params).length > 0 && { params }) }, resolve, reject });
    });
    for (const asked of this.#asked.splice(0)) asked();
    const cancel = (error: HostError): void => {
      this.#open.get(own)?.reject(error);
      this.#open.delete(own);
    };
    return { answer, cancel };
  }

  /** Whether the client has still to answer it. */
  isOpen(name: string): boolean {
    return this.#open.has(name);
  }

  /** The server asks no more than these: what else it asked it has given up. */
  only(names: Json): void {
    for (const [name, { reject }] of this.#open) {
      if (Object.hasOwn(names, name)) continue;
      this.#open.delete(name);
      this.answers.delete(name);
      reject(new HostError("cancelled", "the server does not ask this any more"));
    }
  }

  /** What there is to answer, for a client that can be asked so. */
  shown(isFor: (request: Asked) => boolean): Json {
    return Object.fromEntries([...this.#open].flatMap(([name, { request }]) => (isFor(request) ? [[name, request]] : [])));
  }

  get size(): number {
    return this.#open.size;
  }

  /** Resolves at the next question. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#asked.push(resolve));
  }

  /** Takes what the client answers; what nobody asks is ignored. @throws HostError */
  answered(responses: unknown): void {
    if (!isObject(responses) || !Object.values(responses).every(isObject))
      throw new HostError("invalid_params", "params.inputResponses must be an object whose values are the results");
    for (const [name, response] of Object.entries(responses)) {
      this.#open.get(name)?.resolve(response as Json); // it was checked
      this.#open.delete(name);
    }
  }

  /** The task is over. */
  close(): void {
    for (const { reject } of this.#open.values()) reject(new HostError("client_gone", "the task that this belongs to is over"));
    this.#open.clear();
  }
}
