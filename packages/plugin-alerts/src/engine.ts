import { type PluginHost, withDeadline } from "mcp-host";
import { type Alert, AlertTable } from "./alerts.ts";
import { type AllTold, type Message, maybeToldBy, mayKnow, planOf, tidied, toldBy } from "./groups.ts";
import { Kept } from "./kept.ts";
import type { Watch } from "./kind.ts";
import type { Options } from "./options.ts";
import type { Outcome, Receiver } from "./receiver.ts";
import type { Facts } from "./rules.ts";
import type { Instruments } from "./tally.ts";

/** Milliseconds that one watch may take to read. */
const READING = 10_000;
/** How often one that stands by asks whether it is its turn. */
const STANDBY = 500;
/** Milliseconds that the end waits for a look that is under way. */
const LAST_LOOK = 1_000;
/** Between two looks, whatever happens. */
const LEAST = 20;

/** A rule at work. */
export interface Watched {
  readonly facts: Facts;
  readonly watch: Watch;
}

export interface EngineOptions {
  readonly host: Pick<PluginHost, "id" | "store" | "log" | "clock">;
  readonly options: Options;
  readonly instance: string;
  /** What its alerts are kept under. */
  readonly keptAs: string;
  readonly rules: readonly Watched[];
  readonly receivers: readonly Receiver[];
  readonly instruments: () => Instruments;
}

/** Looks how things stand, keeps what is wrong, and has receivers told. No request waits for anything that it does. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #facts: ReadonlyMap<string, Facts>;
  readonly #table: AlertTable;
  readonly #kept: Kept;
  readonly #failing = new Map<string, string>();
  /** Rules that are at it still: what hangs, such as a disk that is not there, is not begun again beside itself. */
  readonly #reading = new Set<string>();
  #told: AllTold = {};
  #isWatching = false;
  #isOver = false;
  #turning: Promise<void> | undefined;
  /** It is to look once more when it has looked. */
  #again = false;
  #cancel = (): void => {};

  constructor(options: EngineOptions) {
    this.#options = options;
    const { host, rules, options: given, instance, keptAs } = options;
    const { labels, group, interval } = given;
    this.#facts = new Map(rules.map(({ facts }) => [facts.name, facts]));
    this.#kept = new Kept(host, keptAs, interval, () => this.look());
    const { log } = host;
    this.#table = new AlertTable({
      instance,
      labels,
      by: group.by,
      changed: ({ state, rule, subject, severity, summary }) =>
        state === "firing"
          ? log.warn("an alert fires", { rule, subject, severity, summary })
          : log.info("an alert is over", { rule, subject, severity }),
      dropped: () => options.instruments().dropped.add(),
    });
  }

  get alerts(): Iterable<Alert> {
    return this.#table.all;
  }

  /** Whether this one looks, and not another host, or an older one of this process. */
  get isWatching(): boolean {
    return this.#isWatching;
  }

  /** Looks soon. */
  look(): void {
    if (this.#isOver) return;
    this.#again = true;
    if (!this.#turning) this.#wakeIn(LEAST);
  }

  #wakeIn(milliseconds: number): void {
    this.#cancel();
    this.#cancel = this.#options.host.clock.setTimeout(() => this.#turn(), Math.max(LEAST, milliseconds));
  }

  #turn(): void {
    if (this.#isOver || this.#turning) return;
    this.#again = false;
    this.#turning = this.#look()
      .catch((error: unknown) => {
        this.#options.host.log.error("alerts could not be looked at; they are looked at again", { reason: String(error) });
        return this.#options.options.interval;
      })
      .then((next) => {
        this.#turning = undefined;
        if (!this.#isOver) this.#wakeIn(this.#again ? LEAST : next);
      });
  }

  /** One look. @returns milliseconds until the next */
  async #look(): Promise<number> {
    const { interval } = this.#options.options;
    const held = await this.#kept.hold();
    if (held === "not") {
      if (this.#isWatching) this.#forget();
      return this.#kept.isAsking ? Math.min(interval, STANDBY) : interval;
    }
    if (held === "taken") await this.#restore();
    this.#isWatching = true;
    const { now } = this.#options.host.clock;
    const readings = await Promise.all(this.#options.rules.map((rule) => this.#read(rule)));
    let changed = this.#table.endOthers(new Set(this.#facts.keys()), now());
    for (const [index, { facts }] of this.#options.rules.entries()) {
      const reading = readings[index];
      if (reading) changed = this.#table.note(facts, reading, now()) || changed;
    }
    if (changed) await this.#save();
    if (this.#kept.wantsRoom) {
      // What is under way is noted first: whoever comes would send it again.
      if (this.#options.receivers.some(({ isBusy }) => isBusy)) return LEAST;
      this.#forget();
      await this.#kept.makeRoom();
      return STANDBY;
    }
    return Math.min(interval, this.#dispatch(), (this.#table.due(this.#facts) ?? Number.POSITIVE_INFINITY) - now());
  }

  async #read({ facts, watch }: Watched): ReturnType<() => Promise<Awaited<ReturnType<Watch["read"]>> | undefined>> {
    const { log } = this.#options.host;
    if (this.#reading.has(facts.name)) return undefined;
    this.#reading.add(facts.name);
    const reading = (async () => watch.read())().finally(() => this.#reading.delete(facts.name));
    try {
      const late = (): never => {
        throw new Error(`it did not say within ${READING} ms how things stand`);
      };
      const given = await withDeadline(reading, READING, late);
      if (this.#failing.delete(facts.name)) log.info("a rule of alerts sees again", { rule: facts.name });
      return given;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.#failing.get(facts.name) !== reason)
        log.warn("a rule of alerts could not see how things stand; it is taken to be as it was", { rule: facts.name, reason });
      this.#failing.set(facts.name, reason);
      return undefined;
    }
  }

  /** Has receivers sent what is due. @returns milliseconds until more is */
  #dispatch(): number {
    const { receivers, options, host } = this.#options;
    const now = host.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const receiver of receivers) {
      const { name } = receiver.options;
      const plan = planOf(receiver.options, this.#table.all, this.#told[name] ?? {}, this.#facts, options.group, now);
      receiver.waiting = plan.messages.length;
      if (plan.next !== undefined) next = Math.min(next, plan.next - now);
      const [message] = plan.messages;
      if (!message || receiver.isBusy) continue; // it looks again when it is through
      if (receiver.pause > 0) next = Math.min(next, receiver.pause);
      else receiver.send(message, (outcome) => this.#sent(name, message, outcome));
    }
    return next;
  }

  async #sent(receiver: string, message: Message, outcome: Outcome): Promise<void> {
    if (this.#isWatching && outcome !== "not") {
      const groups = (this.#told[receiver] ??= {});
      groups[message.group] =
        outcome === "taken" ? toldBy(message, this.#options.host.clock.now()) : maybeToldBy(message, groups[message.group]);
      await this.#save();
    }
    this.look();
  }

  async #restore(): Promise<void> {
    const state = await this.#kept.read();
    if (!state) return;
    this.#table.restore(state.alerts);
    const now = this.#options.host.clock.now();
    // A clock that was set back must not silence anything.
    for (const groups of Object.values(state.told)) for (const told of Object.values(groups)) told.at = Math.min(told.at, now);
    this.#told = state.told;
  }

  async #save(): Promise<void> {
    const { receivers, options, host } = this.#options;
    // What is under way may turn out to have been told.
    if (!receivers.some(({ isBusy }) => isBusy)) {
      this.#table.forget(({ id, group }) =>
        receivers.some(({ options: { name, resolved } }) => resolved && mayKnow(this.#told[name]?.[group], id)),
      );
      const old = host.clock.now() - Math.max(options.group.interval, 60_000);
      this.#told = tidied(this.#told, new Set(receivers.map((each) => each.options.name)), this.#table, old);
    }
    await this.#kept.write({ alerts: [...this.#table.all], told: this.#told });
  }

  /** Another one looks after it. */
  #forget(): void {
    this.#isWatching = false;
    this.#table.restore([]);
    this.#told = {};
  }

  /** What is under way is brought to its end; the rest is for the next start. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#cancel();
    await withDeadline(this.#turning ?? Promise.resolve(), LAST_LOOK, () => {});
    await Promise.all(this.#options.receivers.map((receiver) => receiver.close()));
    for (const { watch } of this.#options.rules) watch.close?.();
    await this.#kept.close();
  }
}
