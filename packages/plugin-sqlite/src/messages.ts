import type { Reader } from "./reader.ts";

export interface MessagesOptions {
  /** Milliseconds between two looks for what others published. */
  readonly poll: number;
  /** Something failed that nobody waits for. */
  readonly trouble: (what: string) => void;
}

interface Subscription {
  readonly listener: (message: unknown) => void;
  /** It hears what comes after this message; undefined until the file is open. */
  after: number | undefined;
}

const MAX_SUBSCRIPTIONS = 10_000;

/**
 * Tells subscribers what was published, by whichever host: all of them get the messages of the file in the order of its table. A host
 * looks at once when it published something itself, and else every few milliseconds while it has subscribers.
 */
export class Messages {
  readonly #options: MessagesOptions;
  readonly #topics = new Map<string, Set<Subscription>>();
  #count = 0;
  #reader: Reader | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The last message that was told. */
  #last = 0;
  /** The file as it was when it was looked at. */
  #version: number | undefined;
  #failing = false;

  constructor(options: MessagesOptions) {
    this.#options = options;
  }

  subscribe(topic: string, listener: (message: unknown) => void): () => void {
    if (this.#count >= MAX_SUBSCRIPTIONS)
      throw new Error(`this store file has ${MAX_SUBSCRIPTIONS} subscriptions; end those that are not needed`);
    const subscription: Subscription = { listener, after: undefined };
    const all = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, all.add(subscription));
    this.#count++;
    this.#begin();
    return () => {
      if (!all.delete(subscription)) return;
      this.#count--;
      if (all.size === 0 && this.#topics.get(topic) === all) this.#topics.delete(topic);
      if (this.#count === 0) this.#pause();
    };
  }

  /** From now on there is something to read. */
  open(reader: Reader): void {
    this.#reader = reader;
    this.#begin();
  }

  /** Tells what came since the last time. */
  look(): void {
    if (!this.#timer) return; // nobody listens
    try {
      this.#tell();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#options.trouble(`messages cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      this.#failing = true;
    }
  }

  close(): void {
    this.#pause();
    this.#reader = undefined;
  }

  /** What was published before somebody subscribed is none of his. */
  #begin(): void {
    if (!this.#reader || this.#count === 0) return;
    const bounds = this.#reader.bounds();
    if (bounds && !this.#timer) this.#last = bounds.last;
    const after = bounds?.last ?? this.#last;
    for (const subscriptions of this.#topics.values()) for (const each of subscriptions) each.after ??= after;
    this.#timer ??= setInterval(() => this.look(), this.#options.poll).unref();
  }

  #pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#version = undefined;
  }

  #tell(): void {
    const version = this.#reader?.version();
    if (version === undefined || version === this.#version) return;
    const bounds = this.#reader?.bounds();
    if (!bounds) return; // it would have to wait, and looks again soon
    const { oldest, last } = bounds;
    if (last > this.#last && (oldest ?? last + 1) > this.#last + 1)
      this.#options.trouble("messages of other hosts were gone before this one came to read them: it was busy for too long");
    const topics = JSON.stringify([...this.#topics.keys()]);
    while (this.#last < last) {
      const messages = this.#reader?.messages(this.#last, topics);
      if (!messages) return;
      // Those that came after `bounds` are told, too.
      this.#last = messages.at(-1)?.id ?? last;
      for (const { id, topic, body } of messages) this.#deliver(id, topic, JSON.parse(body));
    }
    this.#version = version;
  }

  #deliver(id: number, topic: string, message: unknown): void {
    for (const subscription of [...(this.#topics.get(topic) ?? [])]) {
      if (id <= (subscription.after ?? Number.POSITIVE_INFINITY) || !this.#topics.get(topic)?.has(subscription)) continue;
      try {
        subscription.listener(message);
      } catch (error) {
        this.#options.trouble(`a subscriber failed: ${String(error)}`); // it is no business of the others
      }
    }
  }
}
