import type { TraceEdit } from "../../operator/trace-changes.ts";
import type { TraceNode, TraceRecord } from "../../operator/trace-record.ts";

/** How a part is to be looked at: as trouble, as something that somebody did, or as nothing of note. */
export type Tone = "bad" | "notable" | "plain";

/** What a request was. */
export function titleOf({ method, entry }: Pick<TraceRecord, "method" | "entry">): string {
  return entry === undefined ? method : `${method} ${entry}`;
}

/** How it ended; a tool's own error is none of the host's. */
export function toneOf({ outcome }: Pick<TraceRecord, "outcome">): Tone {
  return outcome === "ok" ? "plain" : outcome === "tool_error" || outcome === "cancelled" ? "notable" : "bad";
}

/** What a part is: whose tap, which stage, where something is sent. */
export function labelOf({ name, plugin, entry, route }: TraceNode): string {
  if (name === "send") return `send → ${route ? whereto(route) : "client"}`;
  if (name === "retry") return "retry";
  return plugin ?? (entry === undefined ? name : `${name} ${entry}`);
}

/** What happened there, a line each; the first is the deed. */
export function deedsOf(node: TraceNode): { readonly tone: Tone; readonly lines: readonly string[] } {
  const { name, did, error, ms } = node;
  if (name === "retry") return { tone: "notable", lines: [`after ${error}`] };
  if (did === "refused" || did === "failed") return { tone: "bad", lines: [error === undefined ? did : `${did}: ${error}`] };
  const lines = [did === "changed" ? undefined : wordOf(node), ...changesOf(node)].filter((line) => line !== undefined);
  if (error !== undefined) lines.push(`error: ${error}`);
  if (ms === undefined) lines.push("still at work when the request was over");
  return { tone: error !== undefined ? "bad" : lines.length > 0 ? "notable" : "plain", lines };
}

function wordOf({ name, did, route }: TraceNode): string | undefined {
  if (route && name === "route") return did === undefined ? `→ ${whereto(route)}` : `${did} → ${whereto(route)}`;
  return did;
}

function changesOf({ did, changes = [], cut }: TraceNode): string[] {
  const lines = changes.map((change) => `changed ${changeText(change)}`);
  if (cut) lines.push(changes.length > 0 ? "and more" : "changed more than is told");
  return did === "changed" && lines.length === 0 ? ["changed"] : lines;
}

function changeText({ path, before, after }: TraceEdit): string {
  return `${path === "" ? "" : `${path}: `}${valueText(before)} → ${valueText(after)}`;
}

/** UTF-16 units of a value in a line. */
const VALUE = 100;

function valueText(value: unknown): string {
  const json = value === undefined ? "nothing" : JSON.stringify(value);
  return json.length <= VALUE ? json : `${json.slice(0, VALUE)}...`;
}

function whereto({ upstream, native }: NonNullable<TraceNode["route"]>): string {
  return native === undefined ? upstream : `${upstream} (${native})`;
}

export function timeText(ms: number | undefined): string {
  if (ms === undefined) return "";
  if (ms >= 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
