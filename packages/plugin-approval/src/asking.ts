import { type Exchange, isObject, type Json, type Logger } from "mcp-host";
import type { Answer, Desk } from "./desk.ts";
import type { Rule } from "./options.ts";
import { formOf, questionOf } from "./question.ts";
import type { Refusal } from "./refusals.ts";
import { type Choice, choicesOf, type Remembered, subjectOf } from "./remembered.ts";
import type { Waiting } from "./waiting.ts";

/** What becomes of a call, and who said so: somebody, what somebody said before, or the rule itself. */
export interface Verdict {
  readonly by: "person" | "operator" | "memory" | "rule";
  /** Undefined where it was approved. */
  readonly refused?: Refusal;
  /** Which operator it was. */
  readonly who?: string | undefined;
  /** What an operator gave as the reason. */
  readonly reason?: string | undefined;
}

/** A call that waits for its answer. */
interface Call {
  readonly exchange: Exchange;
  readonly rule: Rule;
  readonly subject: string;
  readonly deadline: number;
  /** Who is asked. */
  by: "person" | "operator";
}

export interface AskingOptions {
  readonly desk: Desk;
  readonly remembered: Remembered;
  readonly waiting: Waiting;
  readonly log: Logger;
}

/** Asks whom a rule says, unless an answer from before counts. */
export class Asking {
  readonly #options: AskingOptions;
  /** Questions whose answers may count for other calls: one at a time about the same, so that nobody is asked twice. */
  readonly #open = new Map<string, Promise<void>>();

  constructor(options: AskingOptions) {
    this.#options = options;
  }

  /** @param deadline milliseconds @throws why the call was stopped, if it was */
  async about(exchange: Exchange, rule: Rule, deadline: number): Promise<Verdict> {
    const call: Call = {
      exchange,
      rule,
      subject: subjectOf(exchange, rule, rule.covers),
      deadline,
      by: rule.ask === "operator" ? "operator" : "person",
    };
    const { waiting } = this.#options;
    const outcome = await waiting.until(exchange, deadline, (signal) =>
      rule.remember === "no" ? this.#ask(call, signal) : this.#inTurn(call, signal),
    );
    return typeof outcome === "string" ? { by: call.by, refused: outcome } : outcome;
  }

  /** Asks when no other call waits for an answer that may count for this one. */
  async #inTurn(call: Call, signal: AbortSignal): Promise<Verdict> {
    const { exchange, rule, subject } = call;
    const key = `${rule.remember === "session" ? exchange.caller.id : exchange.scope} ${subject}`;
    for (let before = this.#open.get(key); before; before = this.#open.get(key)) await before;
    if (signal.aborted) return { by: call.by, refused: "withdrawn" }; // nobody waits for this one any more
    let done = (): void => {};
    this.#open.set(
      key,
      new Promise((resolve) => {
        done = resolve;
      }),
    );
    try {
      return (await this.#isRemembered(call)) ? { by: "memory" } : await this.#ask(call, signal);
    } finally {
      this.#open.delete(key);
      done();
    }
  }

  async #ask(call: Call, signal: AbortSignal): Promise<Verdict> {
    const answer = call.by === "operator" ? await this.#operator(call, signal) : await this.#person(call, signal);
    const { by } = call;
    if ("refused" in answer) return { by, ...answer };
    if (answer.approved !== "once" && !signal.aborted) await this.#keep(call, answer.approved);
    return { by, who: answer.who };
  }

  async #person(call: Call, signal: AbortSignal): Promise<Answer> {
    const { exchange, rule } = call;
    const otherwise = (refused: Refusal): Answer | Promise<Answer> => {
      if (rule.ask !== "either") return { refused };
      call.by = "operator";
      return this.#operator(call, signal);
    };
    if (!canBeAsked(exchange.caller.capabilities)) return otherwise("unable");
    const choices = choicesOf(exchange, rule);
    let result: Readonly<Json>;
    try {
      result = await exchange.ask("elicitation/create", formOf(questionOf(exchange, rule), choices, rule.covers), { signal });
    } catch (error) {
      if (signal.aborted) return { refused: "withdrawn" }; // nobody waits for this one any more
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn("a client could not ask for approval", { requestId: exchange.id, reason });
      return otherwise("failed");
    }
    if (result.action !== "accept") return { refused: result.action === "decline" ? "declined" : "dismissed" };
    const chosen = isObject(result.content) ? result.content.answer : undefined;
    return { approved: (typeof chosen === "string" ? choices.get(chosen) : undefined) ?? "once" };
  }

  #operator({ exchange, rule, deadline }: Call, signal: AbortSignal): Answer | Promise<Answer> {
    const { desk } = this.#options;
    if (desk.isFullFor(exchange)) return { refused: "full" };
    if (signal.aborted) return { refused: "withdrawn" };
    const choices = [...choicesOf(exchange, rule).values()];
    return desk.ask(exchange, questionOf(exchange, rule), choices, deadline, signal);
  }

  /** A store that fails costs a question, never an approval. */
  async #isRemembered({ exchange, rule, subject }: Call): Promise<boolean> {
    try {
      return await this.#options.remembered.has(exchange, rule, subject);
    } catch (error) {
      this.#storeFailed(error);
      return false;
    }
  }

  async #keep({ exchange, rule, subject }: Call, choice: Choice): Promise<void> {
    try {
      await this.#options.remembered.keep(exchange, rule, subject, choice);
    } catch (error) {
      this.#storeFailed(error);
    }
  }

  #storeFailed(error: unknown): void {
    this.#options.log.warn("answers cannot be remembered", { reason: error instanceof Error ? error.message : String(error) });
  }
}

/** An empty object means forms, as before there were two modes (2025-11-25, client/elicitation). */
function canBeAsked({ elicitation }: Readonly<Json>): boolean {
  return isObject(elicitation) && (elicitation.form !== undefined || elicitation.url === undefined);
}
