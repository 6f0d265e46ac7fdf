import type { HostError } from "../errors.ts";
import type { Id } from "../wire/message.ts";
import type { HttpClient } from "./http-client.ts";
import { refusal, unanswered } from "./http-failure.ts";
import type { HttpRequest } from "./http-request.ts";

/** How long a message may be on its way that nobody waits for the answer of. */
const DELIVERY_TIMEOUT = 10_000;
/** How long a POST may stay open once its message is answered or nobody waits for it. */
const GRACE = 1_000;

/** One message on its way to the server. */
interface Post {
  /** The request's id; a symbol for what is no request. */
  readonly key: Id | symbol;
  readonly length: number;
  request: HttpRequest | undefined;
  late: NodeJS.Timeout | undefined;
}

/** Messages that are posted to a server, each of which it only says to have taken: what it answers comes elsewhere, if at all. */
export class Outbox {
  readonly #upstream: string;
  readonly #http: HttpClient;
  readonly #failed: (id: Id | undefined, error: HostError) => void;
  readonly #posts = new Map<Id | symbol, Post>();
  /** Length of the messages that the server has not taken yet. */
  waiting = 0;

  /** @param failed told of a message that the server did not take; one without an id is no request, and no news for a caller */
  constructor(upstream: string, http: HttpClient, failed: (id: Id | undefined, error: HostError) => void) {
    this.#upstream = upstream;
    this.#http = http;
    this.#failed = failed;
  }

  /** @param id of a request: its own deadline ends it, through {@link forget} @param path where to, if not where everything goes */
  post(body: string, id?: Id, path?: string): void {
    const post: Post = { key: id ?? Symbol(), length: body.length, request: undefined, late: undefined };
    this.waiting += post.length;
    this.#posts.set(post.key, post);
    if (id === undefined) this.#endWithin(post, DELIVERY_TIMEOUT);
    post.request = this.#http.post(
      body,
      {
        failed: (error, { reached }) => this.#fail(post, unanswered(this.#upstream, error, reached)),
        refused: (error) => this.#fail(post, error),
        head: (status, headers) => {
          if (status >= 200 && status < 300) return { data() {}, end: () => this.#over(post) };
          this.#fail(post, refusal(this.#upstream, status, headers));
          return undefined;
        },
      },
      { path },
    );
  }

  /** The request is answered, or nobody waits for it any more. */
  forget(id: Id): void {
    const post = this.#posts.get(id);
    if (post) this.#endWithin(post, GRACE);
  }

  /** Ends what is on its way. */
  close(): void {
    for (const post of this.#posts.values()) {
      clearTimeout(post.late);
      post.request?.abort();
    }
    this.#posts.clear();
  }

  #endWithin(post: Post, milliseconds: number): void {
    clearTimeout(post.late);
    post.late = setTimeout(() => {
      post.request?.abort();
      this.#over(post);
    }, milliseconds).unref();
  }

  /** Whether the message was on its way until now. */
  #over(post: Post): boolean {
    if (!this.#posts.delete(post.key)) return false;
    clearTimeout(post.late);
    this.waiting -= post.length;
    return true;
  }

  #fail(post: Post, error: HostError): void {
    if (this.#over(post)) this.#failed(typeof post.key === "symbol" ? undefined : post.key, error);
  }
}
