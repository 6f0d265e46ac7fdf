import { type Exchange, type HostError, isRefusal, type Json, type PluginHost, refuse } from "mcp-host";
import { Circuit } from "./circuit.ts";
import { HookFailure } from "./failure.ts";
import { type Scope, scopeOf } from "./matching.ts";
import { type Messages, question } from "./message.ts";
import { Notices } from "./notices.ts";
import type { HookOptions } from "./options.ts";
import { Sender } from "./sender.ts";
import type { Tally } from "./tally.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/** Questions of one hook that only observes which may be under way: nobody waits for them. */
const OBSERVING = 100;

/** One hook: asks about requests that it is about, and does what it says. */
export class Hook {
  readonly options: HookOptions;
  readonly tally: Tally;
  readonly scope: Scope;
  readonly #clock: PluginHost["clock"];
  readonly #sender: Sender;
  readonly #circuit: Circuit | undefined;
  readonly #notices: Notices;
  /** Those who ask, each to be stopped. */
  readonly #asking = new Set<AbortController>();

  constructor(options: HookOptions, host: Pick<PluginHost, "clock" | "random" | "log">, tally: Tally) {
    const { name, circuit, match } = options;
    this.options = options;
    this.tally = tally;
    this.scope = scopeOf(match);
    this.#clock = host.clock;
    this.#sender = new Sender(options, host, () => tally.sent());
    this.#notices = new Notices(host);
    this.#circuit =
      circuit === false
        ? undefined
        : new Circuit(circuit, host.clock.monotonic, (isOpen) => {
            if (isOpen) host.log.warn("a hook failed too often and is left alone for a while", { hook: name, openFor: circuit.openFor });
            else host.log.info("a hook is asked again", { hook: name });
          });
  }

  get isOpen(): boolean {
    return this.#circuit?.isOpen === true;
  }

  /**
   * Asks about a request, or about its result.
   * @returns what is to take the place of the message, without `_meta`; undefined where it stays as it is
   * @throws a refusal
   */
  async judge(exchange: Exchange, messages: Messages): Promise<Json | undefined> {
    if (this.options.mode === "observe") {
      this.#observe(exchange, messages);
      return undefined;
    }
    const stop = new AbortController();
    const stopped = (error: HostError): void => stop.abort(error);
    exchange.onStop(stopped);
    try {
      const verdict = await this.#ask(exchange, messages, stop);
      this.tally.count(verdict.did);
      if (verdict.did === "refused") throw this.#refusal(exchange, verdict.words, messages.result !== undefined);
      if (verdict.did === "warned") this.#notices.tell("info", "a hook warns", this.#fields(exchange, verdict.words));
      return verdict.did === "changed" ? verdict.message : undefined;
    } catch (error) {
      // Nobody waits for it, so that it fails by itself; in these words nothing is logged as a mistake of the plugin's.
      if (exchange.stopped) throw refuse(exchange.stopped.type, exchange.stopped.message, { sent: exchange.sent });
      if (error instanceof HookFailure) return this.#failed(error, exchange);
      throw error;
    } finally {
      exchange.offStop(stopped);
    }
  }

  /** Asks, and only tells what would have come of it, for which nobody waits. */
  #observe(exchange: Exchange, messages: Messages): void {
    if (this.#asking.size >= OBSERVING) {
      this.tally.count("skipped");
      this.#notices.tell("warn", "a hook that observes is too slow, and does not hear of everything", { hook: this.options.name });
      return;
    }
    const fields = this.#fields(exchange);
    this.#ask(exchange, messages, new AbortController()).then(
      (verdict) => {
        this.tally.count(verdict.did);
        if (verdict.did === "allowed") return;
        const words = verdict.did === "changed" ? undefined : verdict.words;
        this.#notices.tell("info", `a hook that observes would have ${TOLD[verdict.did]} a request`, { ...fields, words });
      },
      (error: unknown) => {
        if (isRefusal(error)) return; // the plugin ends
        const { message: reason } = error as Error; // nothing else is thrown there
        this.tally.count("failed", error instanceof HookFailure ? error.reason : undefined);
        this.#notices.tell("warn", "a hook that observes gave no verdict", { ...fields, reason });
      },
    );
  }

  /** What is asked is worded before anything is waited for. @throws HookFailure, or why it was stopped */
  async #ask(exchange: Exchange, messages: Messages, stop: AbortController): Promise<Verdict> {
    if (this.#circuit?.enter() === false) throw new HookFailure("circuit_open", "it failed too often and is left alone for a while");
    const began = this.#clock.monotonic();
    this.#asking.add(stop);
    this.tally.begun();
    try {
      const asked = question(this.options, exchange, messages, this.#clock.now());
      const text = await this.#sender.ask(asked.body, stop.signal);
      const verdict = verdictOf(text, asked, this.options.maxAnswer);
      this.#circuit?.succeeded();
      return verdict;
    } catch (error) {
      // What is too large is the client's doing, who could have everybody's requests go on unchecked by it.
      if (error instanceof HookFailure && error.reason !== "request_too_large") this.#circuit?.failed();
      else this.#circuit?.abandoned();
      throw error;
    } finally {
      this.#asking.delete(stop);
      this.tally.ended(this.#clock.monotonic() - began);
    }
  }

  #failed(failure: HookFailure, exchange: Exchange): undefined {
    const { name, onFailure } = this.options;
    this.tally.count("failed", failure.reason);
    const isOpen = onFailure === "open";
    const message = isOpen ? "a hook gave no verdict, and requests go on without it" : "a hook gave no verdict, and requests are refused";
    this.#notices.tell("warn", message, { ...this.#fields(exchange), reason: failure.message });
    if (isOpen) return undefined;
    const words = `the check "${name}" of this host gave no verdict: ${failure.message}. Nothing passes without it`;
    throw refuse("plugin_failure", words, { rule: name, sent: exchange.sent });
  }

  #refusal(exchange: Exchange, words: string, isResult: boolean): HostError {
    const { name } = this.options;
    this.#notices.tell("info", "a hook refused requests", this.#fields(exchange, words));
    return refuse("forbidden", `the check "${name}" of this host refuses ${isResult ? "the result" : "this"}: ${words}`, {
      rule: name,
      sent: exchange.sent,
    });
  }

  #fields(exchange: Exchange, words?: string): Readonly<Record<string, string | undefined>> {
    const { id, method, entry, principal } = exchange;
    return {
      hook: this.options.name,
      requestId: id,
      method,
      name: entry?.name,
      principal: principal.id,
      ...(words !== undefined && { words }),
    };
  }

  /** Stops what is under way. @param why for whoever waits */
  async close(why: HostError): Promise<void> {
    for (const each of this.#asking) each.abort(why);
    await this.#sender.close();
  }
}

const TOLD = { warned: "warned of", refused: "refused", changed: "changed" } as const;
