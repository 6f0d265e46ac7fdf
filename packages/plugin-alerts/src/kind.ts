import { type Awaitable, defineService } from "mcp-host";
import { z } from "zod";
import type { RuleOf } from "./rules.ts";

/** How something stands that a rule is about. */
export interface Condition {
  /** What it is: a server's key, a path. With the rule it is what one alert is told from another by. */
  readonly subject: string;
  /** `bad`: people are to be told; `good`: all is well; `unknown`: it cannot be seen now, and is taken to be as it was. */
  readonly is: "bad" | "good" | "unknown";
  /** What is wrong, in a sentence without secrets. */
  readonly summary: string;
  /** What else tells it, such as `{ server: "search" }`: groups are made of `server`. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** How things stand with all that a rule is about. */
export interface Reading {
  readonly conditions: readonly Condition[];
  /** Whether what is not named is not known yet. Without it, what is not named is well. */
  readonly isSettling?: boolean;
}

/** One rule's eye. */
export interface Watch {
  /** Asked again and again, within 10 s. What it throws is logged, and everything is taken to be as it was. */
  read(): Awaitable<Reading>;
  /** Why it sees nothing at all; for the status. */
  readonly blind?: string | undefined;
  close?(): void;
}

/** What a watch is given. */
export interface WatchContext {
  /** Has it read at once, instead of at its time. */
  readonly look: () => void;
}

/** A kind of alert that a plugin brings. */
export interface Kind<Schema extends z.ZodType = z.ZodType> {
  /** What it looks after, in a few words. */
  readonly description: string;
  /** What a rule may say in `with`; default: nothing. Use `z.strictObject`. */
  readonly options?: Schema;
  watch(options: z.output<Schema>, context: WatchContext): Watch;
}

/** What other plugins find under {@link ALERTS}. */
export interface Alerts {
  /**
   * Adds a kind, for rules of `"kind": "plugin"`. In `ready`, since rules that name none that there is stop the start. Of two of one name
   * the later one counts, as that of a plugin which a reload applied anew.
   * @returns takes it away; for `close`
   */
  kind<Schema extends z.ZodType>(name: string, kind: Kind<Schema>): () => void;
}

export const ALERTS = defineService<Alerts>("alerts");

/** The kinds that plugins brought, by their names; the last of each is the one that counts. */
export class Kinds implements Alerts {
  readonly #kinds = new Map<string, Kind[]>();

  kind<Schema extends z.ZodType>(name: string, kind: Kind<Schema>): () => void {
    const added = kind as unknown as Kind; // it is given what its schema gave
    this.#kinds.set(name, [...(this.#kinds.get(name) ?? []), added]);
    return () => {
      const left = (this.#kinds.get(name) ?? []).filter((each) => each !== added);
      if (left.length > 0) this.#kinds.set(name, left);
      else this.#kinds.delete(name);
    };
  }

  get(name: string): Kind | undefined {
    return this.#kinds.get(name)?.at(-1);
  }

  get names(): string[] {
    return [...this.#kinds.keys()];
  }
}

/** The eye of a rule of another plugin's kind, which may come and go. */
export class PluginWatch implements Watch {
  readonly #kinds: Kinds;
  readonly #rule: RuleOf<"plugin">;
  readonly #context: WatchContext;
  #kind: Kind | undefined;
  #watch: Watch | undefined;
  #problems: readonly string[] = [];

  constructor(kinds: Kinds, rule: RuleOf<"plugin">, context: WatchContext) {
    this.#kinds = kinds;
    this.#rule = rule;
    this.#context = context;
  }

  get blind(): string | undefined {
    return this.#problems[0] ?? this.#watch?.blind;
  }

  /** What is wrong with the rule, by the kinds that there are now; each begins with the rest of its place in the config. */
  problems(): readonly string[] {
    const { of, with: given } = this.#rule;
    const kind = this.#kinds.get(of);
    if (kind === this.#kind && (kind || this.#problems.length > 0)) return this.#problems;
    this.close();
    this.#kind = kind;
    this.#problems = [];
    if (!kind) {
      this.#problems = [`.of: no plugin brings the kind "${of}"; there are ${this.#kinds.names.join(", ") || "none"}`];
      return this.#problems;
    }
    const parsed = (kind.options ?? z.strictObject({})).safeParse(given);
    if (parsed.success) this.#watch = kind.watch(parsed.data, this.#context);
    else this.#problems = parsed.error.issues.map(({ path, message }) => `${[".with", ...path.map(String)].join(".")}: ${message}`);
    return this.#problems;
  }

  async read(): Promise<Reading> {
    this.problems();
    return (await this.#watch?.read()) ?? { conditions: [], isSettling: true };
  }

  close(): void {
    this.#watch?.close?.();
    this.#watch = undefined;
  }
}
