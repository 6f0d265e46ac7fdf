import { HostError } from "../errors.ts";
import { carry } from "../exchange/carry.ts";
import { HostExchange } from "../exchange/host-exchange.ts";
import { isPartOf } from "../exchange/uri-part.ts";
import { undeclaredTasks } from "../pipeline/target.ts";
import { takesTasks } from "../upstream/capabilities.ts";
import { type Id, isObject, type Json, type Message } from "../wire/message.ts";
import { onSubscription } from "../wire/modern.ts";
import type { Announcer } from "./announcer.ts";
import type { Listened, Listener, ModernCaller } from "./modern-caller.ts";
import type { ListName } from "./requester.ts";

/** What a timer can wait: a subscription lasts as long as its client wants. */
const LONGEST = 2 ** 31 - 1;
/** URIs of one subscription. */
const MOST_URIS = 1_000;
/** Tasks likewise. */
const MOST_TASKS = 100;
/** Messages that wait for the acknowledgment of one subscription. */
const EARLY = 100;
/** How long servers may take to agree before the client is told which updates it will get. */
const PATIENCE = 2_000;

const LISTS: Readonly<Record<ListName, string>> = {
  tools: "toolsListChanged",
  prompts: "promptsListChanged",
  resources: "resourcesListChanged",
};

export interface ListeningOptions {
  readonly run: (exchange: HostExchange) => Promise<Json>;
  /** Told of the host's own requests that belong to a subscription, when they are over. */
  readonly settled: (exchange: HostExchange) => void;
  readonly announcer: Pick<Announcer, "shown">;
  /** Waits for what can be known soon of the lists that the caller is shown: only what comes after is news. */
  readonly known: (caller: ModernCaller) => Promise<unknown>;
  /** Has a task's state told from now on, if it will be. Gives what ends that. */
  readonly watch: (exchange: HostExchange, taskId: string, tell: (state: Json) => void) => Promise<(() => void) | undefined>;
  /** Open subscriptions of one caller at most. */
  readonly most: number;
}

/**
 * Serves a `subscriptions/listen`: acknowledges what will be told, tells it, and is answered when the host ends it.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
 */
export async function listen(exchange: HostExchange, caller: ModernCaller, options: ListeningOptions): Promise<Json> {
  const { sink } = exchange;
  const wanted = filterIn(exchange.original.notifications);
  if (wanted.tasks.length > 0 && !takesTasks(caller)) throw undeclaredTasks();
  if (!sink) throw new HostError("invalid_params", "subscriptions/listen needs a stream to answer on");
  if (caller.listeners >= options.most)
    throw new HostError("overloaded", `${caller.listeners} subscriptions of this client are open already`);
  exchange.allow({ timeout: LONGEST, maxTimeout: LONGEST });
  await options.known(caller);
  if (exchange.stopped) throw exchange.stopped;
  if (!caller.isToldOfLists) options.announcer.shown(caller);
  const id = exchange.wireId as Id; // every request of a client has one
  let acknowledged = false;
  const early: Message[] = [];
  let listener!: Listener;
  const ended = new Promise<void>((resolve) => {
    // The acknowledgment comes first; what happens before it waits.
    const send = (message: Message): boolean => (acknowledged ? sink.send(message) : early.length < EARLY && early.push(message) > 0);
    listener = { ...wanted, id, sink: { send }, end: resolve };
    exchange.onStop(() => resolve());
  });
  caller.listen(listener);
  const watched = new Map<string, () => void>();
  const watch = async (taskId: string): Promise<boolean> => {
    const tell = (state: Json): void =>
      void listener.sink.send({ jsonrpc: "2.0", method: "notifications/tasks", params: onSubscription(state, id) });
    const end = await options.watch(exchange, taskId, tell);
    if (end && (acknowledged || exchange.stopped))
      end(); // too late to be told of
    else if (end) watched.set(taskId, end);
    return end !== undefined;
  };
  try {
    const agreeing = Promise.all([
      agreedOf(wanted.uris, (uri) => own(exchange, "resources/subscribe", uri, options)),
      agreedOf(wanted.tasks, watch),
    ]);
    const agreed = await Promise.race([agreeing, ended.then(() => undefined)]);
    if (agreed) {
      const [uris, tasks] = agreed;
      caller.unlisten(listener);
      listener = { ...listener, uris, tasks };
      caller.listen(listener);
      acknowledged = true;
      const notifications = written(listener);
      const method = "notifications/subscriptions/acknowledged";
      sink.send({ jsonrpc: "2.0", method, params: onSubscription({ notifications }, id) });
      for (const message of early) if (isAgreed(message, listener)) sink.send(message);
    }
    await ended;
  } finally {
    caller.unlisten(listener);
    for (const end of watched.values()) end();
    for (const uri of new Set(listener.uris)) if (!caller.hears(uri)) void own(exchange, "resources/unsubscribe", uri, options);
  }
  return onSubscription(undefined, id);
}

/** Whether what came before the acknowledgment is of what was acknowledged. */
function isAgreed(message: Message, { uris, tasks }: Listened): boolean {
  const { uri, taskId } = ("params" in message && message.params) || {};
  if (typeof taskId === "string") return tasks.includes(taskId);
  return typeof uri !== "string" || uris.some((subscribed) => isPartOf(uri, subscribed));
}

/** @throws HostError */
function filterIn(given: unknown): Listened {
  if (!isObject(given)) throw new HostError("invalid_params", "params.notifications must say what to listen to");
  const uris = given.resourceSubscriptions ?? [];
  if (!Array.isArray(uris) || !uris.every((uri) => typeof uri === "string"))
    throw new HostError("invalid_params", "params.notifications.resourceSubscriptions must be a list of URIs");
  if (uris.length > MOST_URIS) throw new HostError("invalid_params", `a subscription has at most ${MOST_URIS} URIs; open another`);
  const tasks = given.taskIds ?? [];
  if (!Array.isArray(tasks) || !tasks.every((id) => typeof id === "string"))
    throw new HostError("invalid_params", "params.notifications.taskIds must be a list of ids");
  if (tasks.length > MOST_TASKS) throw new HostError("invalid_params", `a subscription has at most ${MOST_TASKS} tasks; open another`);
  const lists = (Object.keys(LISTS) as ListName[]).filter((list) => given[LISTS[list]] === true);
  return { lists: new Set(lists), uris, tasks: [...new Set<string>(tasks)] };
}

function written({ lists, uris, tasks }: Listened): Json {
  const flags = Object.fromEntries([...lists].map((list) => [LISTS[list], true]));
  return { ...flags, ...(uris.length > 0 && { resourceSubscriptions: uris }), ...(tasks.length > 0 && { taskIds: tasks }) };
}

/** Those of which the servers agree to tell, as far as they say so in time; the others are left out. */
async function agreedOf(wanted: readonly string[], ask: (name: string) => Promise<boolean>): Promise<readonly string[]> {
  if (wanted.length === 0) return wanted;
  const agreed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE);
  });
  const all = wanted.map(async (name) => {
    if (await ask(name)) agreed.add(name);
  });
  await Promise.race([Promise.all(all), late]);
  clearTimeout(timer);
  return wanted.filter((name) => agreed.has(name));
}

/** A request of the host's own for a subscription: true when it succeeded. It passes all that a client's would. */
function own(parent: HostExchange, method: string, uri: string, { run, settled }: ListeningOptions): Promise<boolean> {
  const child = new HostExchange({ method, params: { uri }, caller: parent.caller, sink: undefined, parent, depth: parent.depth + 1 });
  return new Promise((resolve) => {
    carry(child, { run }, (outcome) => {
      if (!child.settle(outcome, () => resolve("result" in outcome))) return;
      settled(child);
    });
  });
}
