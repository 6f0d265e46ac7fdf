import { HostError } from "../errors.ts";
import { carry } from "../exchange/carry.ts";
import type { Outcome } from "../exchange/exchange.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import { isObject, type Json, metaOf, RELATED_TASK } from "../wire/message.ts";
import { modernQuestion } from "../wire/modern.ts";
import { PeerError } from "../wire/peer-error.ts";
import { detached, modernTask, type TaskDetail } from "../wire/tasks.ts";
import { lacking } from "./client-abilities.ts";
import type { ServerRequests } from "./server-requests.ts";
import { TaskQuestions } from "./task-questions.ts";
import type { Task, TaskTable } from "./tasks.ts";

export interface TaskBridgeOptions {
  readonly tasks: TaskTable;
  readonly serverRequests: Pick<ServerRequests, "ask">;
  readonly run: (exchange: HostExchange) => Promise<Json>;
  readonly settled: (exchange: HostExchange) => void;
}

/** A question that came with a state. */
interface Asked {
  readonly name: string;
  readonly method: string;
  readonly params: Json;
}

/** How long a server may take to ask once it said that it will, in milliseconds; the client comes back anyway. */
const PATIENCE = 2_000;
/** Questions that come so close together are shown together. */
const BEAT = 10;
const INVALID_PARAMS = -32602;

/**
 * Tasks for clients of the modern era, who know three methods of them: what the legacy one tells by `tasks/get`, by
 * `tasks/result` and by asking is one state to them. Servers of either era run them. What plugins see is the same as ever: the
 * state without what came of it, and then a `tasks/result`.
 * @see https://modelcontextprotocol.io/extensions/tasks/overview
 */
export class TaskBridge {
  readonly #options: TaskBridgeOptions;
  /** What came with a state, by the request for it. */
  readonly #details = new WeakMap<HostExchange, TaskDetail>();
  readonly #questions = new WeakMap<Task, TaskQuestions>();

  constructor(options: TaskBridgeOptions) {
    this.#options = options;
  }

  // --- what clients ask ---

  /** Whether a request is one for it to answer. */
  static takes(method: string): boolean {
    return method === "tasks/get" || method === "tasks/cancel";
  }

  /** Answers a client. @param ask gives what the server says */
  async answer(exchange: HostExchange, ask: () => Promise<Json>): Promise<Json> {
    if (exchange.method === "tasks/cancel") return this.#cancel(exchange, ask);
    const state = await ask();
    const task = this.#taskOf(exchange);
    return task ? this.view(exchange, task, state) : modernTask(state);
  }

  /** That it has ended already is no fault in this era. */
  async #cancel(exchange: HostExchange, ask: () => Promise<Json>): Promise<Json> {
    const task = this.#taskOf(exchange);
    try {
      await ask();
    } catch (error) {
      const isOver = error instanceof PeerError && error.rpc.code === INVALID_PARAMS && !this.#isModern(task);
      if (!isOver) throw error;
    }
    if (task) this.#questions.get(task)?.only({}); // who cancels answers nothing more
    return {};
  }

  /** The whole state of a task. @param state as the server told it, under the id that the client knows */
  async view(exchange: HostExchange, task: Task, state: Json): Promise<Json> {
    const flat = modernTask(detached(state).state);
    switch (state.status) {
      case "completed":
      case "failed": {
        const end = await this.#end(exchange, task);
        this.#questions.get(task)?.close();
        return { ...flat, ...end };
      }
      case "input_required": {
        const questions = this.#questionsOf(task);
        if (this.#isModern(task)) await this.#askAll(exchange, task, questions);
        else await this.#hold(task, questions);
        // What the client has answered the server works on, though it may not have said so yet.
        const inputRequests = questions.shown(({ method, params }) => !lacking(exchange.caller.capabilities, { method, params }));
        return Object.keys(inputRequests).length > 0 ? { ...flat, inputRequests } : { ...flat, status: "working" };
      }
      default:
        return flat;
    }
  }

  /** How it ended: a tool that failed has a result all the same. */
  async #end(exchange: HostExchange, task: Task): Promise<Json> {
    const child = this.#child(exchange, "tasks/result", { taskId: task.exposed });
    const outcome = await this.#carried(exchange, child);
    if ("result" in outcome) return { status: "completed", result: unrelated(outcome.result) };
    if ("error" in outcome && outcome.cause instanceof PeerError) return { status: "failed", error: outcome.error };
    throw "error" in outcome ? outcome.cause : new HostError("cancelled", outcome.cancelled);
  }

  /** Passes all stages, as if the client had asked for the result. */
  #carried(exchange: HostExchange, child: HostExchange): Promise<Outcome> {
    const stop = (error: HostError): void => child.cancel(error);
    exchange.onStop(stop);
    return new Promise((resolve) => {
      carry(child, this.#options, (outcome) => {
        if (!child.settle(outcome, resolve)) return;
        exchange.offStop(stop);
        this.#options.settled(child);
      });
    });
  }

  #child(exchange: HostExchange, method: string, params: Json): HostExchange {
    return new HostExchange({ method, params, caller: exchange.caller, sink: undefined, parent: exchange });
  }

  #taskOf(exchange: HostExchange): Task | undefined {
    return this.#options.tasks.find(exchange, String(exchange.original.taskId));
  }

  #isModern(task: Task | undefined): boolean {
    return task?.connection.server?.era === "modern";
  }

  /**
   * Tells a client of every change of a task from now on. Gives what ends that; undefined where it cannot be: the task is
   * not known to it, or of a server that may not tell.
   */
  async watch(exchange: HostExchange, exposed: string, tell: (state: Json) => void): Promise<(() => void) | undefined> {
    const task = this.#options.tasks.permitted(exchange, exposed);
    if (!task || !this.#isModern(task)) return undefined;
    const { connection, native } = task;
    let before: Promise<void> = Promise.resolve(); // one after the other
    const told = (state: Json): void => {
      before = before.then(() => this.#told(exchange, task, state, tell)).catch(() => {}); // a client that asks hears why
    };
    task.watchers ??= new Set();
    task.watchers.add(told);
    const end = (): void => {
      task.watchers?.delete(told);
      if (task.watchers?.size === 0) connection.unwatchTask(native);
    };
    if (await connection.watchTask(native)) return end;
    end();
    return undefined;
  }

  async #told(exchange: HostExchange, task: Task, state: Json, tell: (state: Json) => void): Promise<void> {
    const asking = this.#child(exchange, "tasks/get", { taskId: task.exposed });
    tell(await this.view(asking, task, this.keep(asking, { ...state, taskId: task.exposed })));
  }

  // --- what servers of the modern era tell with a state ---

  /** Keeps what plugins are shown by itself. @param exchange the request for the state */
  keep(exchange: HostExchange, told: Json): Json {
    const { state, detail } = detached(told);
    this.#details.set(exchange.whole, detail);
    return state;
  }

  /** What such a server would answer to `tasks/result`: it told with the state. */
  async result(exchange: HostExchange): Promise<Json> {
    for (let of = exchange.parent; of; of = of.parent) {
      const { result, error } = this.#details.get(of) ?? {};
      if (error) throw new PeerError(error as unknown as PeerError["rpc"]); // as the specification has it; what is wrong with it is seen to where errors are handed on
      if (result) return result;
    }
    throw new HostError("upstream_protocol", "the task has ended, and its state has neither a result nor an error", { sent: "yes" });
  }

  // --- what they ask ---

  #questionsOf(task: Task): TaskQuestions {
    const questions = this.#questions.get(task);
    if (questions) return questions;
    const made = new TaskQuestions();
    this.#questions.set(task, made);
    task.forgotten = () => {
      made.close();
      task.held?.cancel(new HostError("cancelled", "the task has expired"));
    };
    return made;
  }

  /** What is told with the state goes the way of every question, each once. */
  async #askAll(exchange: HostExchange, task: Task, questions: TaskQuestions): Promise<void> {
    const { inputRequests = {} } = this.#details.get(exchange.whole) ?? {};
    questions.only(inputRequests);
    const capabilities = task.connection.declaredFor(exchange.caller);
    const fresh = Object.entries(inputRequests).flatMap(([name, request]) => {
      const asked = questions.has(name) || !isObject(request) ? undefined : { method: String(request.method), params: paramsOf(request) };
      // It waits for a client that can be asked so.
      return asked && !lacking(capabilities, asked) ? [{ name, ...asked }] : [];
    });
    await Promise.all(fresh.map((asked) => this.#ask(exchange, task, questions, asked)));
  }

  /** Resolves once it is shown, or will never be. */
  async #ask(exchange: HostExchange, task: Task, questions: TaskQuestions, { name, method, params }: Asked): Promise<void> {
    questions.name(name);
    const origin = this.#child(exchange, "tasks/result", { taskId: task.exposed });
    const shown = new Promise<void>((resolve) => {
      const ask = (...asked: [method: string, params: Readonly<Json>]) => {
        resolve();
        return questions.ask(name, ...asked);
      };
      origin.asker = { ask, time: task.expires - Date.now() };
    });
    const answer = this.#options.serverRequests.ask(origin, method, params, {});
    questions.answers.set(name, answer);
    const settled = answer.then(
      (result) => result,
      // There is no way to tell the server of an error; of an elicitation it can be told that nobody answered.
      (error: Error) => (method === "elicitation/create" ? { action: "cancel" } : error),
    );
    const over = settled.then((result) => {
      const isUntold = questions.answers.delete(name) && !task.ended;
      return isUntold ? this.#tell(exchange, task, name, result) : undefined;
    });
    await Promise.race([shown, over]);
  }

  /** Tells the server what no client's request brings: a plugin answered, or nobody did. */
  async #tell(exchange: HostExchange, task: Task, name: string, result: Json | Error): Promise<void> {
    const [method, params]: [string, Json] =
      result instanceof Error ? ["tasks/cancel", {}] : ["tasks/update", { inputResponses: { [name]: result } }];
    const child = this.#child(exchange, method, {});
    await task.connection.call(child, { ...params, taskId: task.native }, {}).catch(() => {}); // the state tells
  }

  /** Takes a client's answers. Gives what the server is to be sent; undefined where it has been answered by that. */
  async update(exchange: HostExchange, params: Readonly<Json>): Promise<Json | undefined> {
    const task = this.#taskOf(exchange);
    if (!task) return undefined; // it has just expired
    const questions = this.#questionsOf(task);
    const names = Object.keys(isObject(params.inputResponses) ? params.inputResponses : {});
    const answers = new Map(names.filter((name) => questions.isOpen(name)).map((name) => [name, questions.answers.get(name)]));
    for (const name of answers.keys()) questions.answers.delete(name); // it goes with this request
    questions.answered(params.inputResponses);
    if (!this.#isModern(task)) return undefined;
    const inputResponses: Json = {};
    for (const [name, answer] of answers) inputResponses[name] = await answer;
    return { ...params, inputResponses };
  }

  // --- tasks of servers of the legacy era ---

  /** A client of the modern era has a task of a server that will ask by requests. */
  began(exchange: HostExchange, task: Task): void {
    const questions = this.#questionsOf(task);
    task.held = this.#child(exchange, "tasks/result", { taskId: task.exposed });
    const ask = (method: string, params: Readonly<Json>) => questions.ask(undefined, method, modernQuestion(method, params));
    task.held.asker = { ask, time: task.expires - Date.now() };
  }

  /** Such a server asks whoever waits for the result: the host does, until there is one. */
  async #hold(task: Task, questions: TaskQuestions): Promise<void> {
    const { held, connection } = task;
    if (held && !task.isHeld) {
      task.isHeld = true;
      const over = (): void => {
        task.isHeld = false;
        questions.close();
      };
      connection.call(held, { taskId: task.native }, {}).then(over, over);
    }
    if (questions.size > 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([questions.next(), late]);
    clearTimeout(timer);
    await new Promise((resolve) => setTimeout(resolve, BEAT));
  }

  /** Waits for the end of a task whose client takes none. The call's hard limit holds. */
  async end(exchange: HostExchange, task: Task): Promise<Json> {
    const { connection, native } = task;
    const { maxTimeout } = exchange.timeLimits;
    exchange.allow({ timeout: maxTimeout, maxTimeout });
    const held = new HostExchange({
      method: "tasks/result",
      params: { taskId: task.exposed },
      caller: exchange.caller,
      sink: { send: (message) => exchange.outcome === undefined && exchange.sink?.send(message) === true },
      parent: exchange,
    });
    held.route = exchange.route;
    task.held = held;
    const stop = (error: HostError): void => {
      held.cancel(error);
      connection.call(this.#child(exchange, "tasks/cancel", {}), { taskId: native }, {}).catch(() => {}); // nobody waits for it any more
    };
    exchange.onStop(stop);
    try {
      return unrelated(await connection.call(held, { taskId: native }, {}));
    } finally {
      exchange.offStop(stop);
      this.#options.tasks.over(task);
    }
  }
}

function paramsOf({ params }: Json): Json {
  return isObject(params) ? params : {};
}

/** A result that does not say which task it is of: who has it knows. */
function unrelated(result: Readonly<Json>): Json {
  const meta = metaOf(result as Json);
  if (meta?.[RELATED_TASK] === undefined) return result as Json;
  const { [RELATED_TASK]: _, ...others } = meta;
  const { _meta: __, ...rest } = result;
  return Object.keys(others).length > 0 ? { ...rest, _meta: others } : rest;
}

/** A call's result for a client of the modern era that takes tasks: such a task is the result itself. */
export function modernHandle(result: Json, exchange: HostExchange): Json {
  if (exchange.resultKind !== "task") return result;
  const { task, ...rest } = result;
  if (isObject(task) && exchange.depth === 0) return { ...rest, ...modernTask(task) };
  exchange.resultKind = "complete"; // a plugin made something else of it
  return result;
}
