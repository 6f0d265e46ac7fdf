import type { Entry, Exchange, Handler, PluginClock, Route } from "mcp-host";
import type { Chosen, Group } from "./group.ts";
import type { Instruments } from "./instruments.ts";
import { type Member, timeOf } from "./member.ts";
import type { Mirrors } from "./mirrors.ts";

/** What was chosen for a call that is under way. */
interface Ticket extends Chosen {
  readonly end: () => void;
}

/** What is kept with an exchange. */
interface Kept {
  ticket: Ticket | undefined;
}

export interface CallsParts {
  /** By what stands for several, which plugins between here and the call do not change. */
  readonly groupOf: (entry: Entry) => Group | undefined;
  readonly members: ReadonlyMap<string, Member>;
  readonly mirrors: Mirrors;
  readonly instruments: Instruments;
  readonly clock: Pick<PluginClock, "monotonic">;
}

/** The way of calls to members: where each goes, and what came of it. */
export class Calls {
  readonly #parts: CallsParts;
  readonly #key = Symbol("routing");

  constructor(parts: CallsParts) {
    this.#parts = parts;
  }

  route(exchange: Exchange): Route | undefined | Promise<Route | undefined> {
    const { entry } = exchange;
    if (!entry?.members) return undefined; // as it is for most calls
    const group = this.#parts.groupOf(entry);
    if (!group) return undefined;
    const mirrored = this.#parts.mirrors.targetOf(exchange);
    if (mirrored !== undefined) return exchange.attempts.length === 0 ? { upstream: mirrored } : undefined;
    const chosen = group.choose(exchange, entry);
    return chosen instanceof Promise ? chosen.then((found) => this.#begin(exchange, found)) : this.#begin(exchange, chosen);
  }

  #begin(exchange: Exchange, chosen: Chosen | undefined): Route | undefined {
    const kept = this.#keptFor(exchange);
    const before = kept.ticket;
    before?.end();
    if (!chosen) return undefined;
    if (before) this.#parts.instruments.failovers.add(1, chosen.group.name, before.member.server);
    kept.ticket = { ...chosen, end: chosen.member.begin() };
    return { upstream: chosen.member.server };
  }

  /** The handler around the calls to a server; those to one that is no member it leaves alone. */
  around(next: Handler, upstream: string): Handler {
    const member = this.#parts.members.get(upstream);
    if (!member) return next;
    const { clock, mirrors, instruments } = this.#parts;
    return (exchange) => {
      const ticket = this.#ticketOf(exchange);
      const isOwn = ticket?.member === member;
      const end = isOwn ? ticket.end : member.begin();
      const began = clock.monotonic();
      const over = (outcome: "ok" | "error"): number | undefined => {
        end();
        const time = timeOf(exchange, began, clock.monotonic());
        if (isOwn) instruments.called(ticket, outcome, time);
        return time;
      };
      return next(exchange).then(
        (result) => {
          // A tool that says it failed was called all the same, and its server does its work.
          member.answered(over(result.isError === true ? "error" : "ok"));
          if (isOwn && ticket.verdict.mirror) mirrors.mirror(exchange, result, ticket.group, ticket.verdict.mirror);
          return result;
        },
        (error: unknown) => {
          over("error");
          member.failedWith(error, exchange.sent !== "no");
          throw error;
        },
      );
    };
  }

  /** Whoever called for it knows the end of it: a call that came to no server has had one chosen all the same. */
  settled(exchange: Exchange): void {
    if (exchange.entry?.members) this.#keptFor(exchange).ticket?.end();
  }

  /** That of the call, whose exchange a plugin between may have derived another from. */
  #ticketOf(exchange: Exchange): Ticket | undefined {
    return this.#keptFor(exchange).ticket ?? (exchange.parent && this.#keptFor(exchange.parent).ticket);
  }

  #keptFor(exchange: Exchange): Kept {
    return exchange.state<Kept>(this.#key, () => ({ ticket: undefined }));
  }
}
