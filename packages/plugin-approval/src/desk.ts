import type { Exchange, Json, PluginHost } from "mcp-host";
import type { Question } from "./question.ts";
import type { Refusal } from "./refusals.ts";
import type { Choice } from "./remembered.ts";

/** What somebody answered. */
export type Answer =
  | { readonly approved: Choice; readonly who?: string }
  /** `reason` is what the model is told besides. */
  | { readonly refused: Refusal; readonly reason?: string | undefined; readonly who?: string };

interface Pending {
  readonly question: Question;
  readonly choices: readonly Choice[];
  readonly exchange: Exchange;
  readonly since: number;
  readonly until: number;
  answer(answer: Answer): void;
}

export interface DeskOptions {
  readonly clock: PluginHost["clock"];
  readonly random: PluginHost["random"];
  /** How many calls may wait. */
  readonly maxPending: number;
}

/** The part of all places that the calls of one scope may take. */
const SHARE = 1 / 4;

/** What operators are asked, and what they answer. */
export class Desk {
  readonly #options: DeskOptions;
  readonly #pending = new Map<string, Pending>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Whether there is no place for one more call of this one's scope: nobody may take all of them from the others. */
  isFullFor({ scope }: Exchange): boolean {
    const { maxPending } = this.#options;
    let own = 0;
    for (const { exchange } of this.#pending.values()) if (exchange.scope === scope) own++;
    return this.#pending.size >= maxPending || own >= Math.max(1, Math.floor(maxPending * SHARE));
  }

  /** Waits for an operator's answer; the question is taken away with the signal. */
  ask(exchange: Exchange, question: Question, choices: readonly Choice[], deadline: number, signal: AbortSignal): Promise<Answer> {
    const { clock } = this.#options;
    const id = this.#newId();
    const since = clock.now();
    return new Promise((resolve) => {
      this.#pending.set(id, { question, choices, exchange, since, until: since + deadline, answer: resolve });
      const takeAway = (): void => {
        this.#pending.delete(id);
        resolve({ refused: "withdrawn" }); // nobody waits for it any more
      };
      signal.addEventListener("abort", takeAway, { once: true });
    });
  }

  /** What waits, the oldest first. */
  pending(): Json[] {
    return [...this.#pending].map(([id, { question, choices, exchange, since, until }]) => ({
      id,
      server: question.server,
      tool: question.tool,
      name: question.name,
      ...(question.plugin !== undefined && { plugin: question.plugin }),
      arguments: question.arguments,
      ...(question.hidden !== undefined && { hidden: question.hidden }),
      why: question.why,
      principal: exchange.principal.id,
      request: exchange.id,
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      choices,
    }));
  }

  /** @param who answers @throws Error where nothing that waits has the id, or its rule does not let the answer count so long */
  approve(id: string, choice: Choice, who: string): void {
    const pending = this.#find(id);
    if (!pending.choices.includes(choice))
      throw new Error(`the rule does not let an answer count for "${choice}"; it may be ${pending.choices.join(", ")}`);
    pending.answer({ approved: choice, who });
    this.#pending.delete(id);
  }

  /** @param who answers @throws Error where nothing that waits has the id */
  deny(id: string, reason: string | undefined, who: string): void {
    this.#find(id).answer({ refused: "declined", reason, who });
    this.#pending.delete(id);
  }

  #find(id: string): Pending {
    const pending = this.#pending.get(id);
    if (!pending)
      throw new Error(
        `nothing waits under the id ${JSON.stringify(id)}; it was answered, cancelled or too late, or there never was such a call`,
      );
    return pending;
  }

  /** Short enough to be typed: only an operator's answer is found by it. */
  #newId(): string {
    for (;;) {
      const id = Buffer.from(this.#options.random.bytes(4)).toString("hex");
      if (!this.#pending.has(id)) return id;
    }
  }
}
