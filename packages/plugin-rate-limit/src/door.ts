import { type HttpArrival, refuse } from "mcp-host";
import type { Addresses } from "./address.ts";
import { headersOf, policyOf } from "./answers.ts";
import { Consumers } from "./consumers.ts";
import { type Requests, requestsOf, type Shared } from "./limit.ts";
import type { Options } from "./options.ts";
import type { Bucket } from "./subjects.ts";
import type { Troubles } from "./troubles.ts";
import { waitWords, windowWords } from "./words.ts";

/** What the limit of addresses is called where rules are named. */
export const ADDRESSES = "addresses";
/** What proxies write of where a request came from. */
export const FORWARDED = "x-forwarded-for";

/** What the door has in common with the rules. */
interface Around extends Pick<DoorOptions, "addresses" | "troubles" | "headers"> {
  readonly shared: Shared;
}

/** The door of these options. @param mode where they say none */
export function doorOf(limit: DoorOptions["limit"], mode: Options["mode"], { shared, ...around }: Around): Door {
  return new Door({
    ...around,
    limit,
    isBinding: (limit.mode ?? mode) === "enforce",
    requests: requestsOf(ADDRESSES, limit, shared),
    consumers: new Consumers(),
    now: shared.clock.now,
    count: shared.count,
  });
}

export interface DoorOptions {
  readonly limit: NonNullable<Options["addresses"]>;
  readonly isBinding: boolean;
  readonly headers: boolean;
  readonly requests: Requests;
  readonly consumers: Consumers;
  readonly addresses: Addresses;
  readonly troubles: Troubles;
  readonly now: () => number;
  readonly count: (what: "refused" | "observed", rule: string) => void;
}

/** Turns floods away at the edge, by address, before anything of a request is read. */
export class Door {
  readonly #options: DoorOptions;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  get limit(): DoorOptions["limit"] {
    return this.#options.limit;
  }

  get consumers(): Consumers {
    return this.#options.consumers;
  }

  /** Rejects with why not. */
  async admit(request: HttpArrival): Promise<void> {
    const { addresses, requests, isBinding, consumers, troubles, now, count } = this.#options;
    const forwarded = request.headers[FORWARDED];
    const address = addresses.of(request.address, Array.isArray(forwarded) ? forwarded.join(",") : forwarded);
    if (address === undefined) return; // over a Unix socket, which has none
    const bucket: Bucket = { key: `@${address}`, label: address, isKnown: false };
    const spent = isBinding ? requests.spentUntil(bucket) : undefined;
    if (spent !== undefined) return this.#refuse(request, spent);
    const taken = await requests.take(bucket, isBinding).catch((error: unknown) => {
      const refusal = troubles.of(error, ADDRESSES);
      if (refusal) throw refusal;
    });
    if (!taken) return;
    consumers.note(address, requests.limit - taken.remaining, taken.end, now());
    if (taken.passes) return;
    if (isBinding) this.#refuse(request, taken.end);
    else count("observed", ADDRESSES);
  }

  /** @throws HostError */
  #refuse(request: HttpArrival, end: number): never {
    const { limit, headers, now, count } = this.#options;
    const retryAfterMs = Math.max(1, Math.ceil(end - now()));
    count("refused", ADDRESSES);
    if (headers) {
      const policy = policyOf(ADDRESSES, limit.requests, limit.window, false);
      request.answerHeaders(headersOf([{ policy, remaining: 0, left: retryAfterMs }]));
    }
    const words = `more than ${limit.requests} requests in ${windowWords(limit.window)} came from this address`;
    throw refuse("rate_limited", `${words}; try again in ${waitWords(retryAfterMs)}`, { rule: ADDRESSES, retryAfterMs });
  }
}
