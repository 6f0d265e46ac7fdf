import { type Alert, digest } from "./alerts.ts";
import type { GroupOptions, ReceiverOptions } from "./options.ts";
import { type Facts, SEVERITIES } from "./rules.ts";

/** What a receiver was told last of a group, as it is kept in the store. */
export interface Told {
  /** When, in milliseconds since 1970. */
  at: number;
  /** Ids of the alerts that it knows as going on. */
  firing: readonly string[];
  /** Those that it may know, since nobody knows whether it got the message. */
  maybe?: readonly string[] | undefined;
}

/** Whether a receiver that was told this may take an alert to go on. */
export const mayKnow = (told: Told | undefined, id: string): boolean =>
  told !== undefined && (told.firing.includes(id) || told.maybe?.includes(id) === true);

/** What every receiver was told, by its name and the group. */
export type AllTold = Record<string, Record<string, Told>>;

/** A message that is due. */
export interface Message {
  /** The same for each try, and for the same message after a restart: a receiver knows by it what it has had. */
  readonly id: string;
  readonly group: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly firing: readonly Alert[];
  readonly resolved: readonly Alert[];
}

export interface Plan {
  /** What can be sent now, what has waited longest first. */
  readonly messages: readonly Message[];
  /** When the next one can be; undefined where none will be by time alone. */
  readonly next: number | undefined;
}

/** Whether a receiver is told of an alert. */
export function concerns({ name, least }: Pick<ReceiverOptions, "name" | "least">, { severity }: Alert, facts: Facts | undefined): boolean {
  if (!facts) return false; // its rule is gone
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(least) && (facts.to?.includes(name) ?? true);
}

/** What a receiver is to be told now, by what is wrong and what it was told. Messages are not queued: each is made of how things stand when it is sent. */
export function planOf(
  receiver: Pick<ReceiverOptions, "name" | "least" | "resolved">,
  alerts: Iterable<Alert>,
  told: Readonly<Record<string, Told>>,
  rules: ReadonlyMap<string, Facts>,
  { wait, interval }: Pick<GroupOptions, "wait" | "interval">,
  now: number,
): Plan {
  const groups = new Map<string, { firing: Alert[]; over: Alert[] }>();
  for (const alert of alerts) {
    let group = groups.get(alert.group);
    if (!group) groups.set(alert.group, (group = { firing: [], over: [] }));
    if (alert.state === "firing" && concerns(receiver, alert, rules.get(alert.rule))) group.firing.push(alert);
    else if (mayKnow(told[alert.group], alert.id)) group.over.push(alert);
  }
  const due = [...groups].flatMap(([group, { firing, over }]) => {
    const at = dueAt({ firing, over: receiver.resolved ? over : [] }, told[group], rules, { wait, interval });
    return at === undefined ? [] : [{ group, firing, resolved: receiver.resolved ? over : [], at }];
  });
  due.sort((a, b) => a.at - b.at);
  const messages = due
    .filter(({ at }) => at <= now)
    .map(({ group, firing, resolved }): Message => {
      const facts = [...firing, ...resolved].map(({ id, firedAt, state }) => [id, firedAt ?? 0, state]);
      const { groupLabels = {} } = firing[0] ?? resolved[0] ?? {};
      return { id: digest([receiver.name, group, told[group]?.at ?? 0, facts]), group, groupLabels, firing, resolved };
    });
  return { messages, next: due.find(({ at }) => at > now)?.at };
}

function dueAt(
  { firing, over }: { readonly firing: readonly Alert[]; readonly over: readonly Alert[] },
  told: Told | undefined,
  rules: ReadonlyMap<string, Facts>,
  { wait, interval }: Pick<GroupOptions, "wait" | "interval">,
): number | undefined {
  const fresh = firing.filter(({ id }) => told?.firing.includes(id) !== true);
  const known = told !== undefined && told.firing.length > 0;
  if (fresh.length > 0 || over.length > 0) {
    const waited = fresh.length > 0 && !known ? Math.min(...fresh.map(({ firedAt = 0 }) => firedAt)) + wait : 0;
    return Math.max(waited, told ? told.at + interval : 0);
  }
  if (!known || firing.length === 0) return undefined;
  const repeats = firing.flatMap(({ rule }) => rules.get(rule)?.repeat || []);
  return repeats.length === 0 ? undefined : told.at + Math.min(...repeats);
}

/** What a receiver knows once it has had a message. */
export const toldBy = ({ firing }: Pick<Message, "firing">, now: number): Told => ({ at: now, firing: firing.map(({ id }) => id) });

/** The same once it may have had one. */
export function maybeToldBy({ firing }: Pick<Message, "firing">, told: Told | undefined): Told {
  const maybe = new Set([...(told?.maybe ?? []), ...firing.map(({ id }) => id)]);
  return { at: told?.at ?? 0, firing: told?.firing ?? [], maybe: [...maybe] };
}

/** What is kept of what receivers were told: not what no message will come of any more. */
export function tidied(all: AllTold, receivers: ReadonlySet<string>, alerts: { has(id: string): boolean }, old: number): AllTold {
  return Object.fromEntries(
    Object.entries(all).flatMap(([receiver, groups]) => {
      if (!receivers.has(receiver)) return [];
      const kept = Object.entries(groups)
        .map(([group, { at, firing, maybe = [] }]): [string, Told] => {
          const may = maybe.filter((id) => alerts.has(id));
          return [group, { at, firing: firing.filter((id) => alerts.has(id)), ...(may.length > 0 && { maybe: may }) }];
        })
        // For a while it is known when a group was told of last, so that its next message keeps its distance.
        .filter(([, { at, firing, maybe }]) => firing.length > 0 || maybe !== undefined || at > old);
      return kept.length === 0 ? [] : [[receiver, Object.fromEntries(kept)]];
    }),
  );
}
