import type { Json } from "mcp-host";
import type { Alert } from "./alerts.ts";
import type { Message } from "./groups.ts";
import type { ReceiverOptions } from "./options.ts";
import { SEVERITIES } from "./rules.ts";
import { plain } from "./words.ts";

/** Alerts that one message tells in words. */
const MOST = 20;

export interface Written {
  readonly receiver: Pick<ReceiverOptions, "name" | "template" | "routingKey">;
  readonly instance: string;
  readonly message: Message;
}

/** The body that a receiver is posted. */
export function bodyOf(written: Written): Json {
  switch (written.receiver.template) {
    case "generic":
      return generic(written);
    case "slack":
      return slack(written);
    case "pagerduty":
      return pagerDuty(written);
  }
}

const iso = (time: number): string => new Date(time).toISOString();

/** Alertmanager's zero of times: it has not ended. */
const NEVER = "0001-01-01T00:00:00Z";

/** As Alertmanager posts to webhooks, version 4. */
function generic({ receiver, message }: Written): Json {
  const { firing, resolved, group, groupLabels } = message;
  const alerts = [...firing, ...resolved].map((alert, index) => ({
    status: index < firing.length ? "firing" : "resolved",
    labels: { ...alert.labels, severity: alert.severity },
    annotations: { summary: alert.summary, ...(alert.runbook !== undefined && { runbook_url: alert.runbook }) },
    startsAt: iso(alert.firedAt ?? alert.since),
    endsAt: index < firing.length ? NEVER : iso(alert.endedAt ?? alert.since),
    generatorURL: "",
    fingerprint: alert.id,
  }));
  return {
    version: "4",
    groupKey: group,
    truncatedAlerts: 0,
    status: firing.length > 0 ? "firing" : "resolved",
    receiver: receiver.name,
    groupLabels,
    commonLabels: common(alerts.map(({ labels }) => labels)),
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
    externalURL: "",
    alerts,
  };
}

function common(all: readonly Readonly<Record<string, string | undefined>>[]): Json {
  const [first = {}, ...others] = all;
  return Object.fromEntries(Object.entries(first).filter(([key, value]) => others.every((each) => each[key] === value)));
}

const worst = (alerts: readonly Alert[]): Alert["severity"] =>
  SEVERITIES[Math.max(0, ...alerts.map(({ severity }) => SEVERITIES.indexOf(severity)))] ?? "info";

/** What a message is about, in one line. */
function headline({ firing, resolved, groupLabels }: Message): string {
  const about = Object.values(groupLabels).join(", ") || "alerts";
  const counts = [
    ...(firing.length > 0 ? [`${firing.length} firing`] : []),
    ...(resolved.length > 0 ? [`${resolved.length} resolved`] : []),
  ].join(", ");
  return `${about}: ${counts}`;
}

/** Each alert in a line, the worst first, and how many are left out. */
function lines(alerts: readonly Alert[], line: (alert: Alert) => string): string[] {
  const sorted = [...alerts].sort((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity));
  const more = sorted.length - MOST;
  return [...sorted.slice(0, MOST).map(line), ...(more > 0 ? [`and ${more} more`] : [])];
}

const COLORS = { info: "#439fe0", warning: "#daa038", error: "#d9534f", critical: "#a30200", resolved: "#36a64f" } as const;

/** What Slack would take for a mention, a link or markup. */
const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** As Slack's incoming webhooks take it, and Mattermost, Rocket.Chat and Discord (`/slack`) do. */
function slack({ instance, message }: Written): Json {
  const { firing, resolved } = message;
  const title = escaped(plain(`[${instance}] ${headline(message)}`));
  const part = (alerts: readonly Alert[], color: string, mark: string): Json[] =>
    alerts.length === 0
      ? []
      : [
          {
            color,
            fallback: title,
            mrkdwn_in: [],
            text: lines(alerts, ({ summary, severity, runbook }) =>
              escaped(`${mark === "" ? severity.toUpperCase() : mark}: ${summary}${runbook === undefined ? "" : ` (${runbook})`}`),
            ).join("\n"),
          },
        ];
  return { text: title, attachments: [...part(firing, COLORS[worst(firing)], ""), ...part(resolved, COLORS.resolved, "RESOLVED")] };
}

/** As PagerDuty's Events API v2 takes it: a group is one incident, which is resolved with its last alert. */
function pagerDuty({ receiver: { routingKey = "" }, instance, message }: Written): Json {
  const { firing, resolved, group, groupLabels } = message;
  const event = { routing_key: routingKey, dedup_key: `mcp-host/${group}` };
  if (firing.length === 0) return { ...event, event_action: "resolve" };
  const [first] = firing;
  const one = firing.length === 1 ? first?.summary : undefined;
  const links = [...new Set(firing.flatMap(({ runbook }) => runbook ?? []))].slice(0, MOST).map((href) => ({ href, text: "Runbook" }));
  return {
    ...event,
    event_action: "trigger",
    client: "mcp-host",
    payload: {
      summary: plain(`[${instance}] ${one ?? headline(message)}`, 1_024),
      source: instance,
      severity: worst(firing),
      timestamp: iso(Math.min(...firing.map(({ firedAt, since }) => firedAt ?? since))),
      class: first?.labels.kind,
      group: Object.values(groupLabels).join(", "),
      custom_details: {
        firing: lines(firing, ({ summary }) => summary),
        ...(resolved.length > 0 && { resolved: lines(resolved, ({ summary }) => summary) }),
      },
    },
    ...(links.length > 0 && { links }),
  };
}
