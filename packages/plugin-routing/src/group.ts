import { canonicalJson, type Entry, type Exchange, isObject, type Logger, type PluginHost, type Random, refuse } from "mcp-host";
import { type Candidate, type Choose, chooserOf } from "./choice.ts";
import { Listing } from "./listing.ts";
import type { Member, Standing } from "./member.ts";
import type { GroupOptions, MemberOptions } from "./options.ts";
import { Rules, type Target, type Verdict } from "./rules.ts";
import type { Sticky } from "./sticky.ts";

/** A member with what the group says of it. */
interface Seat {
  readonly options: MemberOptions;
  readonly member: Member;
}

/** Who gets a call, and why. */
export interface Chosen {
  readonly group: Group;
  readonly member: Member;
  readonly verdict: Verdict;
}

export interface GroupParts {
  readonly members: ReadonlyMap<string, Member>;
  readonly sticky: Sticky | undefined;
  readonly random: Pick<Random, "float">;
  readonly permits: PluginHost["permits"];
  readonly catalog: Pick<PluginHost["catalog"], "entries">;
  readonly log: Logger;
}

/** Errors by which a call that was not sent, or may run twice, says that another member may do better. */
const ELSEWHERE: ReadonlySet<string | undefined> = new Set([
  "upstream_down",
  "upstream_lost",
  "upstream_timeout",
  "upstream_auth",
  "sign_in_required",
  "circuit_open",
  "overloaded",
]);

/** Equal servers under one name. */
export class Group {
  readonly name: string;
  readonly options: GroupOptions;
  readonly listing: Listing;
  readonly seats: readonly Seat[];
  readonly #rules: Rules;
  readonly #sticky: Sticky | undefined;
  readonly #parts: GroupParts;
  /** By target: whoever takes turns does so among those of one target. */
  readonly #choosers = new Map<string, Choose>();
  /** The members that have what the group lists. */
  readonly #serving = new WeakMap<Entry, readonly Seat[]>();
  /** What members have, as it is judged, by what the group lists. */
  readonly #judged = new WeakMap<Entry, Map<string, Entry>>();

  constructor(name: string, options: GroupOptions, parts: GroupParts) {
    this.name = name;
    this.options = options;
    this.#parts = parts;
    this.seats = options.members.flatMap((each) => {
      const member = parts.members.get(each.server);
      return member ? [{ options: each, member }] : [];
    });
    this.#sticky = parts.sticky;
    this.#rules = new Rules(options.rules, parts.log);
    this.listing = new Listing(name, options, parts.log);
  }

  /**
   * The member that gets a call; undefined where it failed and no other can do better.
   * @throws HostError where none can be called
   */
  choose(exchange: Exchange, entry: Entry): Chosen | undefined | Promise<Chosen | undefined> {
    const { attempts } = exchange;
    if (attempts.length > 0 && !ELSEWHERE.has(attempts.at(-1)?.error)) return undefined;
    const verdict = this.#rules.of(exchange, entry);
    const sticky = this.#sticky;
    if (!sticky || verdict.target) return this.#chosen(exchange, entry, verdict, undefined, undefined);
    const key = sticky.keyOf(exchange);
    const kept = sticky.of(key);
    // Another call of the same caller may have been given a member while the store was asked.
    return typeof kept === "object"
      ? kept.then((server) => this.#chosen(exchange, entry, verdict, key, sticky.here(key) ?? server))
      : this.#chosen(exchange, entry, verdict, key, kept);
  }

  /** The member that a rule has a call mirrored at, if it can be. */
  mirrored(server: string): Member | undefined {
    const member = this.#parts.members.get(server);
    return member?.standing === "up" && member.drained === undefined ? member : undefined;
  }

  #chosen(exchange: Exchange, entry: Entry, verdict: Verdict, key: string | undefined, kept: string | undefined): Chosen | undefined {
    const { attempts } = exchange;
    const serving = this.#servingOf(entry);
    const untried =
      attempts.length === 0 ? serving : serving.filter(({ member }) => attempts.every((each) => each.upstream !== member.server));
    const own = untried.find(({ member }) => member.server === kept);
    if (own && own.member.drained !== "all" && own.member.standing !== "down" && this.#permits(exchange, entry, own.member))
      return this.#stays(key, kept, { group: this, member: own.member, verdict });
    const open = untried.filter(({ member }) => member.drained === undefined);
    const member = this.#targeted(exchange, entry, open, verdict.target) ?? this.#untargeted(exchange, entry, open, verdict.target);
    if (member) return this.#stays(key, kept, { group: this, member, verdict });
    if (attempts.length > 0) return undefined;
    const { target } = verdict;
    const hidden = open.find(({ options, member }) => options.weight > 0 || target?.servers.includes(member.server));
    // What the caller may not see anywhere, the host refuses in the words for what there is not.
    if (hidden && !target?.strict) return { group: this, member: hidden.member, verdict };
    throw refuse("upstream_down", `${this.#why(serving, target)}; nothing was sent`, { upstream: this.name });
  }

  #servingOf(entry: Entry): readonly Seat[] {
    let serving = this.#serving.get(entry);
    if (!serving) {
      serving = this.seats.filter(({ member: { server } }) => entry.members?.some(({ upstream }) => upstream === server));
      this.#serving.set(entry, serving);
    }
    return serving;
  }

  #targeted(exchange: Exchange, entry: Entry, open: readonly Seat[], target: Target | undefined): Member | undefined {
    if (!target) return undefined;
    const seats = open.filter(({ member }) => target.servers.includes(member.server));
    return this.#best(exchange, entry, seats, `${target.rule} ${target.arm ?? ""}`);
  }

  #untargeted(exchange: Exchange, entry: Entry, open: readonly Seat[], target: Target | undefined): Member | undefined {
    if (target?.strict) return undefined;
    const seats = open.filter(({ options, member }) => options.weight > 0 && !target?.servers.includes(member.server));
    return this.#best(exchange, entry, seats, "");
  }

  /** The first priority of which one can be used, or soon; of that who is up. Where all are away the first of them are tried. */
  #best(exchange: Exchange, entry: Entry, seats: readonly Seat[], target: string): Member | undefined {
    let left = seats;
    while (left.length > 0) {
      const there = left.filter(({ member }) => member.standing !== "down");
      const from = there.length > 0 ? there : left;
      const first = Math.min(...from.map(({ options }) => options.priority));
      const same = from.filter(({ options }) => options.priority === first);
      const standing: Standing | undefined = same.some(({ member }) => member.standing === "up") ? "up" : undefined;
      const fit = standing ? same.filter(({ member }) => member.standing === standing) : same;
      const { server } = this.#chooser(target)(fit.map(candidateOf), () => this.#hashKey(exchange));
      const chosen = fit.find(({ member }) => member.server === server)?.member;
      if (chosen && this.#permits(exchange, entry, chosen)) return chosen;
      left = left.filter(({ member }) => member !== chosen);
    }
    return undefined;
  }

  #chooser(target: string): Choose {
    let chooser = this.#choosers.get(target);
    if (!chooser) this.#choosers.set(target, (chooser = chooserOf(this.options.policy, this.#parts.random)));
    return chooser;
  }

  /** Whether the caller may have what it names of this member, also by a name of its own: what it may not, is not there for it. */
  #permits({ caller }: Exchange, entry: Entry, { server }: Member): boolean {
    const { permits, catalog } = this.#parts;
    let judged = this.#judged.get(entry);
    if (!judged) this.#judged.set(entry, (judged = new Map()));
    let own = judged.get(server);
    if (!own) {
      const native = entry.members?.find(({ upstream }) => upstream === server)?.native ?? entry.native;
      const { members: _, ...rest } = entry;
      judged.set(server, (own = { ...rest, upstream: server, native }));
    }
    if (!permits(own, caller)) return false;
    if (!this.seats.some(({ options, member }) => options.listed && member.server === server)) return true;
    const { kind, native } = own;
    const listed = catalog.entries().find((each) => each.upstream === server && each.kind === kind && each.native === native);
    return !listed || permits(listed, caller);
  }

  #stays(key: string | undefined, kept: string | undefined, chosen: Chosen): Chosen {
    if (key !== undefined && kept !== chosen.member.server) this.#sticky?.put(key, chosen.member.server);
    return chosen;
  }

  #hashKey(exchange: Exchange): string {
    const { hash } = this.options;
    if (hash === "session") return exchange.caller.id;
    const given = isObject(exchange.params.arguments) ? exchange.params.arguments : {};
    const value = hash === "principal" ? undefined : given[hash.slice("arguments.".length)];
    return value === undefined ? exchange.scope : canonicalJson(value);
  }

  #why(serving: readonly Seat[], target: Target | undefined): string {
    const asked = target?.strict ? serving.filter(({ member }) => target.servers.includes(member.server)) : serving;
    const states = asked.map(({ member: { server, drained }, options }) => {
      if (drained) return `${server} is drained`;
      return options.weight === 0 && !target ? `${server} is for rules alone` : `${server} cannot be used`;
    });
    const those = target?.strict ? `that the rule "${target.rule}" leads to` : `of the group "${this.name}"`;
    return `no member ${those} can be called${states.length > 0 ? `: ${states.join(", ")}` : ""}`;
  }
}

function candidateOf({ options: { weight }, member }: Seat): Candidate {
  const { server, inFlight, latency, share } = member;
  // One of weight 0 is here because a rule leads to it.
  return { server, inFlight, latency, share, weight: (weight || 1) * share };
}
