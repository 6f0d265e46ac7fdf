import { type Caller, type Entry, matcher } from "mcp-host";
import type { Found } from "./found.ts";
import type { Options, Rule, Shown } from "./options.ts";
import { costOfAll } from "./size.ts";

/** The names of the plugin's tools, as it offers them. */
export const FIND = "find_tools";
export const CALL = "call_tool";

type Test = (caller: Caller) => boolean;

/** Decides what each caller is shown. */
export class Showing {
  readonly #own: string;
  readonly #given: Options;
  readonly #rules: readonly { readonly fits: Test; readonly show: Shown }[];
  readonly #isPinned: (entry: Entry) => boolean;
  readonly #found: Found;
  readonly #clients = new WeakMap<object, string>();
  /** What lists were answered with since the host started; what is only compared counts, too. */
  readonly tally: Record<"list" | "search", number> = { list: 0, search: 0 };
  /** What the last list cost that search took the place of. */
  spared: { before: number; after: number } | undefined;

  /** @param own the key under which the plugin offers its tools */
  constructor(own: string, given: Options, found: Found) {
    this.#own = own;
    this.#given = given;
    this.#found = found;
    this.#isPinned = matcher(given.pinned);
    const deferring = { clients: given.deferring, show: "list" } as const;
    this.#rules = [...given.rules, ...(given.deferring.length > 0 ? [deferring] : [])].map((rule) => ({
      fits: this.#testOf(rule),
      show: rule.show,
    }));
  }

  isOwn(entry: Entry): boolean {
    return entry.upstream === this.#own;
  }

  /** What of a list a caller is shown. */
  of(entries: readonly Entry[], caller: Caller): readonly Entry[] {
    const own = entries.filter((entry) => this.isOwn(entry) && entry.kind === "tool");
    if (own.length === 0) return entries; // another list, or a caller who may not search: nothing may be hidden then
    const others = entries.filter((entry) => !this.isOwn(entry));
    const canSearch = own.some(({ native }) => native === FIND) && own.some(({ native }) => native === CALL);
    const show = canSearch ? this.#shownTo(caller) : "list";
    const found = this.#found.of(caller);
    const kept = entries.filter((entry) => this.isOwn(entry) || this.#isPinned(entry) || found?.has(entry.name) === true);
    if (show === "list" || (show === "auto" && !this.#isWorthIt(others, kept))) {
      this.tally.list++;
      return others;
    }
    this.tally.search++;
    this.spared = { before: costOfAll(others), after: costOfAll(kept) };
    return kept;
  }

  #isWorthIt(others: readonly Entry[], kept: readonly Entry[]): boolean {
    const spared = costOfAll(others) - costOfAll(kept);
    return spared > 0 && spared >= this.#given.threshold;
  }

  #shownTo(caller: Caller): Shown {
    return this.#rules.find(({ fits }) => fits(caller))?.show ?? this.#given.show;
  }

  #testOf({ clients, endpoints, roles }: Pick<Rule, "clients" | "endpoints" | "roles">): Test {
    const isClient = clients && matcher(clients.map((glob) => glob.toLowerCase()));
    return (caller) => {
      const name = this.#nameOf(caller);
      return (
        (!isClient || (name !== "" && isClient({ name, upstream: "", native: name }))) &&
        (!endpoints || endpoints.includes(caller.endpoint ?? "")) &&
        (!roles || roles.some((role) => caller.principal.roles.includes(role)))
      );
    };
  }

  /** What a client calls itself, in lower case; "" where it says nothing. */
  #nameOf({ client: { info } }: Caller): string {
    let name = this.#clients.get(info);
    if (name === undefined) this.#clients.set(info, (name = typeof info.name === "string" ? info.name.toLowerCase() : ""));
    return name;
  }
}
