import { isDeepStrictEqual } from "node:util";
import { HostError, type RpcError } from "../errors.ts";
import type { LinkEvents } from "../wire/link.ts";
import { type Id, isObject, type Json, type Notification } from "../wire/message.ts";
import { bare } from "../wire/modern.ts";
import { legacyTask } from "../wire/tasks.ts";
import { Backoff } from "./backoff.ts";

export interface ListeningOptions {
  /** The server's. */
  readonly capabilities: Readonly<Json>;
  /** Who is told. */
  readonly events: Pick<LinkEvents, "message" | "nextId">;
  /** Sends a `subscriptions/listen`. */
  readonly open: (id: Id, params: Json) => void;
  readonly cancel: (id: Id) => void;
}

/** Called once: when the server has agreed, or with why it has not. */
type Subscribed = (error?: RpcError | HostError) => void;

/** What is subscribed and unsubscribed in one go is one change. */
const GATHER = 50;
/** A server that has not agreed by then never will. */
const PATIENCE = 10_000;
const LISTS = ["tools", "prompts", "resources"] as const;
const METHOD_NOT_FOUND = -32601;
/** What a topic begins with, before a URI or a task's id. */
const RESOURCE = "resource ";
const TASK = "task ";

interface Stream {
  readonly id: Id;
  readonly topics: ReadonlySet<string>;
  /** The lists whose changes it was asked to tell. */
  readonly wanted: readonly string[];
  /** Of which lists the server has agreed to tell. */
  lists: readonly string[];
  readonly late: NodeJS.Timeout;
}

/**
 * The one `subscriptions/listen` of a connection, for the lists that the server tells of, and the resources and tasks that
 * somebody wants to hear of. When what is wanted changes another takes its place, and when it is lost it is opened again: what was
 * missed meanwhile is unknown, and so everything counts as changed.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/subscriptions
 */
export class Listening {
  readonly #options: ListeningOptions;
  #lists: readonly string[];
  /** What is to be told of besides lists: resources and tasks. */
  readonly #topics = new Set<string>();
  /** Who waits for the server to agree, by topic. */
  readonly #waiting = new Map<string, Subscribed[]>();
  readonly #backoff = new Backoff();
  /** What the server has agreed to. */
  #current: Stream | undefined;
  /** What it has been asked for in its place. */
  #next: Stream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  /** Whether something may have been missed. */
  #isGap = false;
  /** What the server says to it that it does not know the method. */
  #unknown: RpcError | undefined;
  #isOpen = false;

  constructor(options: ListeningOptions) {
    this.#options = options;
    this.#lists = listsIn(options.capabilities);
  }

  /** From now on there is somebody to tell. It is asked for at once, before the lists are: what changes meanwhile is not missed. */
  begin(): void {
    this.#isOpen = true;
    this.#open();
  }

  /** The server has other capabilities now. */
  has(capabilities: Readonly<Json>): void {
    const lists = listsIn(capabilities);
    if (isDeepStrictEqual(lists, this.#lists)) return;
    this.#lists = lists;
    this.#unknown = undefined;
    this.#schedule(0);
  }

  /** Whether the server tells of changes of a list now. */
  hears(list: string): boolean {
    return this.#current?.lists.includes(list) === true;
  }

  subscribe(uri: string, subscribed: Subscribed): void {
    this.#want(RESOURCE + uri, subscribed);
  }

  unsubscribe(uri: string): void {
    this.#drop(RESOURCE + uri);
  }

  watchTask(taskId: string, agreed: (does: boolean) => void): void {
    this.#want(TASK + taskId, (error) => agreed(error === undefined));
  }

  unwatchTask(taskId: string): void {
    this.#drop(TASK + taskId);
  }

  #want(topic: string, subscribed: Subscribed): void {
    if (this.#unknown) return subscribed(this.#unknown);
    this.#topics.add(topic);
    if (this.#current?.topics.has(topic)) return subscribed();
    this.#waiting.set(topic, [...(this.#waiting.get(topic) ?? []), subscribed]);
    this.#schedule(GATHER);
  }

  #drop(topic: string): void {
    this.#topics.delete(topic);
    this.#tell(topic); // whoever waited for it
    this.#schedule(GATHER);
  }

  /** Takes what came on a subscription; false where it is none of these. */
  notified(id: Id, notification: Notification): boolean {
    const { events } = this.#options;
    const { method, params = {} } = notification;
    if (id === this.#next?.id) {
      if (method === "notifications/subscriptions/acknowledged") this.#agreed(this.#next, params.notifications);
      return true; // it has no leave yet to tell of anything else
    }
    if (id !== this.#current?.id) return false;
    const told = { ...notification, params: bare(params) };
    if (method === "notifications/tasks")
      events.message({ ...told, method: "notifications/tasks/status", params: legacyTask(told.params) }, undefined);
    if (method.endsWith("/list_changed") || method === "notifications/resources/updated") events.message(told, undefined);
    return true;
  }

  #agreed(stream: Stream, filter: unknown): void {
    const { resourceSubscriptions, taskIds } = isObject(filter) ? filter : {};
    const topics = new Set([...topicsOf(RESOURCE, resourceSubscriptions), ...topicsOf(TASK, taskIds)]);
    stream.lists = this.#lists.filter((list) => isObject(filter) && filter[`${list}ListChanged`] === true);
    clearTimeout(stream.late);
    if (this.#current) this.#options.cancel(this.#current.id);
    this.#current = stream;
    this.#next = undefined;
    this.#backoff.succeeded();
    for (const topic of stream.topics) {
      if (topics.has(topic)) this.#tell(topic);
      else this.#give(topic, { code: -32602, message: "the server does not tell of changes of this" });
    }
    if (this.#isGap) this.#fillGap();
    if (!this.#isServed) this.#schedule(GATHER);
  }

  /** Whether what is agreed is what is wanted. */
  get #isServed(): boolean {
    const { topics, wanted } = this.#current ?? {};
    if (topics === undefined || wanted !== this.#lists || topics.size !== this.#topics.size) return false;
    return [...this.#topics].every((topic) => topics.has(topic));
  }

  #fillGap(): void {
    const { events } = this.#options;
    this.#isGap = false;
    for (const list of this.#lists) events.message({ jsonrpc: "2.0", method: `notifications/${list}/list_changed` }, undefined);
    for (const uri of named(RESOURCE, this.#topics))
      events.message({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } }, undefined);
  }

  #tell(topic: string, error?: RpcError | HostError): void {
    const waiting = this.#waiting.get(topic) ?? [];
    this.#waiting.delete(topic);
    for (const subscribed of waiting) subscribed(error);
  }

  /** The server will not tell of it. */
  #give(topic: string, error: RpcError): void {
    this.#topics.delete(topic);
    this.#tell(topic, error);
  }

  /** A request has been answered, or failed; false where it is none of these. */
  ended(id: Id, error: RpcError | HostError | undefined): boolean {
    const isNext = id === this.#next?.id;
    if (!isNext && id !== this.#current?.id) return false;
    if (isNext) {
      const { topics, late } = this.#next as Stream; // as was just seen
      clearTimeout(late);
      this.#next = undefined;
      if (error && !(error instanceof HostError)) {
        if (error.code === METHOD_NOT_FOUND) this.#unknown = error;
        for (const topic of topics) if (!this.#current?.topics.has(topic)) this.#give(topic, error);
      }
    } else {
      this.#current = undefined;
      this.#isGap = true;
    }
    if (!this.#unknown) this.#schedule(this.#backoff.failed());
    return true;
  }

  allFailed(error: HostError): void {
    for (const stream of [this.#next, this.#current]) if (stream) this.ended(stream.id, error);
  }

  #schedule(milliseconds: number): void {
    if (!this.#isOpen || this.#unknown) return;
    // Whoever subscribes next puts off nobody who waits.
    const due = performance.now() + milliseconds;
    if (this.#timer && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#open();
    }, milliseconds).unref();
  }

  #open(): void {
    if (this.#next || this.#isServed) return; // what changes while one waits for leave is seen to then
    if (this.#lists.length === 0 && this.#topics.size === 0) {
      if (this.#current) this.#options.cancel(this.#current.id);
      this.#current = undefined;
      return;
    }
    const id = this.#options.events.nextId();
    const late = setTimeout(() => {
      this.#options.cancel(id);
      this.ended(id, undefined);
    }, PATIENCE).unref();
    this.#next = { id, topics: new Set(this.#topics), wanted: this.#lists, lists: [], late };
    const lists = Object.fromEntries(this.#lists.map((list) => [`${list}ListChanged`, true]));
    const [uris, taskIds] = [named(RESOURCE, this.#topics), named(TASK, this.#topics)];
    const filter = { ...lists, ...(uris.length > 0 && { resourceSubscriptions: uris }), ...(taskIds.length > 0 && { taskIds }) };
    this.#options.open(id, { notifications: filter });
  }

  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#next?.late);
  }
}

function topicsOf(kind: typeof RESOURCE | typeof TASK, names: unknown): string[] {
  return Array.isArray(names) ? names.map((name) => `${kind}${name}`) : [];
}

/** The resources, or tasks, of some topics. */
function named(kind: typeof RESOURCE | typeof TASK, topics: ReadonlySet<string>): string[] {
  return [...topics].filter((topic) => topic.startsWith(kind)).map((topic) => topic.slice(kind.length));
}

/** The lists whose changes a server tells. */
function listsIn(capabilities: Readonly<Json>): string[] {
  return LISTS.filter((list) => {
    const has = capabilities[list];
    return isObject(has) && has.listChanged === true;
  });
}
