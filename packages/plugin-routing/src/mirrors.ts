import { canonicalJson, type Exchange, isObject, type Json, type Logger, refuse } from "mcp-host";
import type { Group } from "./group.ts";
import type { Instruments } from "./instruments.ts";
import type { RuleOptions } from "./options.ts";
import type { Verdict } from "./rules.ts";

/** Mirrored calls under way at once; one more is left out. */
const MOST = 16;

export type Compared = "same" | "different" | "failed" | "skipped";

/** Makes calls once more at another member, and compares the answers. Nobody is given them. */
export class Mirrors {
  readonly #instruments: Pick<Instruments, "mirrored">;
  readonly #log: Logger;
  /** Where the calls of these go. */
  readonly #targets = new Map<Exchange, string>();
  /** By rule: what came of it. */
  readonly counts = new Map<string, Record<Compared, number>>();
  /** Tools of which it was told that answers differ. */
  readonly #told = new Set<string>();

  constructor(instruments: Pick<Instruments, "mirrored">, log: Logger) {
    this.#instruments = instruments;
    this.#log = log;
  }

  /** The server that a mirrored call goes to; undefined for any other call. */
  targetOf({ parent }: Exchange): string | undefined {
    return parent && this.#targets.get(parent);
  }

  /** Whether a question is one of a mirrored call, on whose behalf nobody is asked. */
  isAsking({ parent }: Exchange): boolean {
    for (let at = parent; at; at = at.parent) if (this.#targets.has(at)) return true;
    return false;
  }

  /** Has a call that was answered made at another member, too, if it changes nothing. */
  mirror(exchange: Exchange, result: Readonly<Json>, group: Group, { rule, server }: NonNullable<Verdict["mirror"]>): void {
    const { readOnly } = group.options.rules.find(({ name }) => name === rule) ?? {};
    if (exchange.route?.upstream === server || !isReadOnly(exchange, readOnly)) return;
    if (exchange.resultKind !== "complete" || exchange.round > 0 || exchange.asked || exchange.original.task !== undefined) return;
    const count = (outcome: Compared): void => this.#count(group.name, rule, outcome);
    if (this.#targets.size >= MOST || !group.mirrored(server)) return count("skipped");
    const child = exchange.derive();
    this.#targets.set(child, server);
    void this.#compare(child, exchange, result)
      .then((outcome) => {
        count(outcome);
        if (outcome === "different") this.#tell(group.name, exchange, server);
      })
      .finally(() => this.#targets.delete(child));
  }

  async #compare(child: Exchange, { method, original }: Exchange, given: Readonly<Json>): Promise<Compared> {
    const { _meta, ...params } = original;
    try {
      const other = await child.call(method, params);
      return answerOf(other) === answerOf(given) ? "same" : "different";
    } catch {
      return "failed"; // its own member's figures tell why
    }
  }

  #count(group: string, rule: string, outcome: Compared): void {
    const key = `${group} ${rule}`;
    let counts = this.counts.get(key);
    if (!counts) this.counts.set(key, (counts = { same: 0, different: 0, failed: 0, skipped: 0 }));
    counts[outcome]++;
    this.#instruments.mirrored.add(1, group, rule, outcome);
  }

  /** Once for each tool: what differs is in the answers, which are nobody's business here. */
  #tell(group: string, { entry }: Exchange, server: string): void {
    const name = `${entry?.kind} ${entry?.name} ${server}`;
    if (this.#told.has(name) || this.#told.size >= 1_000) return;
    this.#told.add(name);
    this.#log.warn("a mirrored call was answered otherwise", { group, upstream: server, kind: entry?.kind, name: entry?.name });
  }

  close(): void {
    for (const child of this.#targets.keys()) child.cancel(refuse("shutting_down", "the host is stopping, or its plugins change"));
  }
}

/** Whether a request changes nothing: by its method, by the annotations of its tool, or because an operator says so. */
export function isReadOnly({ method, entry }: Exchange, isSaid: RuleOptions["readOnly"]): boolean {
  if (method !== "tools/call") return method === "prompts/get" || method === "resources/read";
  const annotations = entry?.definition.annotations;
  return isSaid === true || (isObject(annotations) && annotations.readOnlyHint === true);
}

/** What is compared: all but what is about the request itself. */
function answerOf({ _meta, ...answer }: Readonly<Json>): string {
  return canonicalJson(answer);
}
