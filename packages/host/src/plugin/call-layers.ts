import { hostSide } from "../exchange/host-side.ts";
import type { UpstreamFacts } from "../exchange/upstream-facts.ts";
import type { Handler } from "./hook-types.ts";

/** What stands for a hook set: only which one it is matters. */
export type SetKey = object;

/** What a guarded `call` tap makes of what is within; undefined where the upstream is not the plugin's business. */
type Make = (next: Handler, upstream: UpstreamFacts) => Handler | undefined;

/**
 * What one `call` tap made for one upstream and method. It outlives a reload that does not concern its plugin or its
 * upstream, and with it what the plugin keeps in its closure; only where its `next` leads is another for each hook set,
 * since an exchange ends on the set it began on.
 */
class CallLayer {
  /** The tap's handler; undefined where it handles nothing. */
  readonly handler: Handler | undefined;
  readonly #inner = new WeakMap<SetKey, Handler>();
  #set: SetKey;
  #next: Handler;

  constructor(make: Make, upstream: UpstreamFacts, set: SetKey, next: Handler) {
    this.#set = set;
    this.#next = next;
    this.#inner.set(set, next);
    this.handler = make((exchange) => {
      const hookSet = hostSide(exchange).course?.hooks;
      return hookSet === this.#set ? this.#next(exchange) : this.#nextOf(hookSet)(exchange);
    }, upstream);
  }

  /** From now on exchanges of this set go on there. */
  lead(set: SetKey, next: Handler): void {
    this.#inner.set(set, next);
    this.#set = set;
    this.#next = next;
  }

  #nextOf(set: SetKey | undefined): Handler {
    return (set && this.#inner.get(set)) ?? this.#next;
  }
}

/** Methods whose layers are kept for one upstream: clients can invent as many as they like. */
const MAX_METHODS = 100;

/** The layers of one `call` tap, by upstream and method. */
export class CallLayers {
  readonly #make: Make;
  readonly #byUpstream = new WeakMap<UpstreamFacts, Map<string, CallLayer>>();

  constructor(make: Make) {
    this.#make = make;
  }

  /** The tap's handler around `next`, for exchanges of this set; undefined where it handles nothing. */
  around(next: Handler, upstream: UpstreamFacts, method: string, set: SetKey): Handler | undefined {
    let layers = this.#byUpstream.get(upstream);
    if (!layers) this.#byUpstream.set(upstream, (layers = new Map()));
    let layer = layers.get(method);
    if (layer) layer.lead(set, next);
    else {
      layer = new CallLayer(this.#make, upstream, set, next);
      if (layers.size < MAX_METHODS) layers.set(method, layer);
    }
    return layer.handler;
  }
}
