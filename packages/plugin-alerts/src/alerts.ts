import { createHash } from "node:crypto";
import { canonicalJson } from "mcp-host";
import type { Condition, Reading } from "./kind.ts";
import type { Grouping } from "./options.ts";
import type { Facts, Severity } from "./rules.ts";
import { plain } from "./words.ts";

/** Alerts that there may be at a time; what comes beyond is counted. */
export const MOST_ALERTS = 500;

/** One thing that is wrong, as it is kept in the store. Times in milliseconds since 1970. */
export interface Alert {
  readonly id: string;
  readonly rule: string;
  readonly subject: string;
  /** `pending`: not for long enough; `over`: it was told, and that it is over may have to be. */
  state: "pending" | "firing" | "over";
  severity: Severity;
  labels: Readonly<Record<string, string>>;
  summary: string;
  runbook?: string | undefined;
  /** The group that it is told in, for all its life. */
  readonly group: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** Since when it has been so. */
  since: number;
  firedAt?: number | undefined;
  /** Since when it has been well again, while that is not for long enough. */
  wellSince?: number | undefined;
  endedAt?: number | undefined;
}

/** A short name for anything. */
export const digest = (value: unknown): string => createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);

export interface AlertsOptions {
  readonly instance: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly by: readonly Grouping[];
  /** Told when one begins to fire, and when it is over. */
  readonly changed: (alert: Alert) => void;
  /** Told of what there is no room for. */
  readonly dropped: () => void;
}

/** What is wrong, and since when. */
export class AlertTable {
  readonly #options: AlertsOptions;
  readonly #alerts = new Map<string, Alert>();

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  get all(): Iterable<Alert> {
    return this.#alerts.values();
  }

  has(id: string): boolean {
    return this.#alerts.has(id);
  }

  /** Puts back what was kept. */
  restore(alerts: readonly Alert[]): void {
    this.#alerts.clear();
    for (const alert of alerts.slice(0, MOST_ALERTS)) this.#alerts.set(alert.id, { ...alert });
  }

  /** Takes note of how things stand with what a rule is about. @returns whether anything is another than before */
  note(facts: Facts, { conditions, isSettling }: Reading, now: number): boolean {
    let changed = false;
    const seen = new Set<string>();
    for (const condition of conditions) {
      const id = digest([this.#options.instance, facts.name, condition.subject]);
      if (seen.has(id)) continue; // a plugin named it twice
      seen.add(id);
      if (condition.is === "bad") changed = this.#bad(id, facts, condition, now) || changed;
      else if (condition.is === "good") changed = this.#good(id, facts.keep, now) || changed;
    }
    if (isSettling) return changed;
    for (const { id, rule } of [...this.#alerts.values()])
      if (rule === facts.name && !seen.has(id)) changed = this.#good(id, facts.keep, now) || changed;
    return changed;
  }

  #bad(id: string, facts: Facts, condition: Condition, now: number): boolean {
    let alert = this.#alerts.get(id);
    const isNew = !alert;
    if (!alert) {
      if (this.#alerts.size >= MOST_ALERTS) {
        this.#options.dropped();
        return false;
      }
      this.#alerts.set(id, (alert = this.#made(id, facts, condition, now)));
    }
    alert.severity = facts.severity;
    alert.runbook = facts.runbook;
    alert.summary = plain(condition.summary);
    const wasWell = alert.wellSince !== undefined;
    alert.wellSince = undefined;
    if (alert.state === "over") {
      alert.state = "pending";
      alert.since = now;
    }
    if (alert.state === "pending" && now - alert.since >= facts.for) {
      alert.state = "firing";
      alert.firedAt = now;
      alert.endedAt = undefined;
      this.#options.changed(alert);
      return true;
    }
    return isNew || wasWell;
  }

  #made(id: string, { name, kind, severity, runbook }: Facts, { subject, labels: own }: Condition, now: number): Alert {
    const { labels, instance, by } = this.#options;
    const all = { ...labels, ...own, alertname: name, kind, severity, instance };
    const groupLabels: Record<string, string> = {};
    for (const each of by) {
      const value = { rule: name, kind, severity, server: own?.server }[each];
      if (value !== undefined) groupLabels[each === "rule" ? "alertname" : each] = value;
    }
    return {
      ...{ id, rule: name, subject, state: "pending", severity, labels: all, summary: "", runbook },
      ...{ group: digest([instance, groupLabels]), groupLabels, since: now },
    };
  }

  #good(id: string, keep: number, now: number): boolean {
    const alert = this.#alerts.get(id);
    if (!alert || alert.state === "over") return false;
    if (alert.state === "pending") {
      // One that was told before and is pending again is over still.
      if (alert.firedAt === undefined) this.#alerts.delete(id);
      else alert.state = "over";
      return true;
    }
    const isFirst = alert.wellSince === undefined;
    alert.wellSince ??= now;
    if (now - alert.wellSince < keep) return isFirst;
    alert.state = "over";
    alert.endedAt = now;
    this.#options.changed(alert);
    return true;
  }

  /** Ends what belongs to rules that there are no more. */
  endOthers(rules: ReadonlySet<string>, now: number): boolean {
    let changed = false;
    for (const { id, rule } of [...this.#alerts.values()]) if (!rules.has(rule)) changed = this.#good(id, 0, now) || changed;
    return changed;
  }

  /** Forgets what is over, unless somebody is to be told. */
  forget(isOwed: (alert: Alert) => boolean): void {
    for (const alert of [...this.#alerts.values()]) if (alert.state === "over" && !isOwed(alert)) this.#alerts.delete(alert.id);
  }

  /** When one of them becomes another by time alone; undefined where none does. */
  due(facts: ReadonlyMap<string, Facts>): number | undefined {
    const times = [...this.#alerts.values()].flatMap((alert) => {
      const rule = facts.get(alert.rule);
      if (!rule) return [];
      if (alert.state === "pending") return [alert.since + rule.for];
      return alert.state === "firing" && alert.wellSince !== undefined ? [alert.wellSince + rule.keep] : [];
    });
    return times.length === 0 ? undefined : Math.min(...times);
  }
}
