import type { PluginHost } from "mcp-host";
import { z } from "zod";
import { type Alert, digest } from "./alerts.ts";
import type { Engine, Watched } from "./engine.ts";
import type { Message } from "./groups.ts";
import type { Receiver } from "./receiver.ts";

/** Alerts that the status tells. */
const SHOWN = 20;

const iso = (time: number | undefined): string | undefined => (time === undefined ? undefined : new Date(time).toISOString());

/** An alert as people are shown it. */
const shown = ({ rule, subject, state, severity, summary, since, firedAt }: Alert) => ({
  ...{ rule, subject, state, severity, summary },
  since: iso(since),
  ...(firedAt !== undefined && state === "firing" && { firedAt: iso(firedAt) }),
});

export interface Desk {
  readonly instance: string;
  readonly engine: Engine;
  readonly rules: readonly Watched[];
  readonly receivers: readonly Receiver[];
}

/** How things stand, for the status. */
export function reportOf({ instance, engine, rules, receivers }: Desk) {
  const alerts = [...engine.alerts].filter(({ state }) => state !== "over");
  const count = (rule: string, state: Alert["state"]): number => alerts.filter((each) => each.rule === rule && each.state === state).length;
  return {
    instance,
    // Another host of this name, or an older one of this process, may be at it.
    watching: engine.isWatching,
    rules: Object.fromEntries(
      rules.map(({ facts: { name, kind }, watch: { blind } }) => [
        name,
        { kind, firing: count(name, "firing"), pending: count(name, "pending"), ...(blind !== undefined && { blind }) },
      ]),
    ),
    receivers: Object.fromEntries(receivers.map((receiver) => [receiver.options.name, receiver.report()])),
    firing: Object.fromEntries(
      alerts
        .filter(({ state }) => state === "firing")
        .slice(0, SHOWN)
        .map(({ rule, subject, severity, summary, since }) => [`${rule} ${subject}`, `${severity} since ${iso(since)}: ${summary}`]),
    ),
  };
}

/** What operators may have done. */
export function operate(host: Pick<PluginHost, "operator" | "clock" | "random">, desk: Desk): void {
  const { operator, clock, random } = host;
  const { engine, receivers, instance } = desk;
  operator.report(() => reportOf(desk));
  operator.operation("list", () => ({ alerts: [...engine.alerts].filter(({ state }) => state !== "over").map(shown) }), {
    description: "Tells what is wrong: the alerts that fire, and those that have not been there for long enough.",
    params: z.strictObject({}),
    reads: true,
  });
  operator.operation(
    "test",
    async ({ receiver: wanted }) => {
      const names = receivers.map(({ options: { name } }) => name);
      if (names.length === 0) throw new Error('no receiver is configured; add one to "receivers" of the plugin');
      if (wanted !== undefined && !names.includes(wanted))
        throw new Error(`there is no receiver ${JSON.stringify(wanted)}; there are ${names.join(", ")}`);
      const told = await Promise.all(
        receivers
          .filter(({ options: { name } }) => wanted === undefined || name === wanted)
          .map(async (receiver) => {
            const began = clock.monotonic();
            const problem = await receiver.test(samples(instance, clock.now(), random.uuid(), receiver.options.resolved));
            const ms = Math.round(clock.monotonic() - began);
            return { receiver: receiver.options.name, taken: problem === undefined, ms, ...(problem !== undefined && { problem }) };
          }),
      );
      return { told };
    },
    {
      description: "Sends receivers a test alert and, where they want that, that it is over; each within its timeout.",
      params: z.strictObject({ receiver: z.string().min(1).optional().describe("The name of the only one that is told.") }),
      result: z.object({
        told: z.array(z.object({ receiver: z.string(), taken: z.boolean(), ms: z.number(), problem: z.string().optional() })),
      }),
      scope: "operate",
    },
  );
}

/** An alert that says it is a test, and that it is over. */
function samples(instance: string, now: number, nonce: string, resolved: boolean): Message[] {
  const group = digest(["test", nonce]);
  const groupLabels = { alertname: "test" };
  const alert: Alert = {
    ...{ id: group, rule: "test", subject: "test", state: "firing", severity: "info", group, groupLabels },
    labels: { alertname: "test", kind: "test", severity: "info", instance },
    summary: "this is a test: nothing is wrong",
    since: now,
    firedAt: now,
  };
  const over: Alert = { ...alert, state: "over", endedAt: now };
  return [
    { id: digest(["firing", nonce]), group, groupLabels, firing: [alert], resolved: [] },
    ...(resolved ? [{ id: digest(["resolved", nonce]), group, groupLabels, firing: [], resolved: [over] }] : []),
  ];
}
