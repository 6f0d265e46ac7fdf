import type { UpstreamStatus } from "../../plugin/host-status.ts";

/** Whether an upstream can be called now. */
export function isUp({ state }: Pick<UpstreamStatus, "state">): boolean {
  return state === "ready" || state === "degraded";
}

/** How many entries of each kind an upstream lists. */
export function counts({ entries }: Pick<UpstreamStatus, "entries">): string {
  return `${entries.tools} tools, ${entries.prompts} prompts, ${entries.resources} resources, ${entries.templates} templates`;
}

/** Why an upstream is in its state, as far as that needs a word. */
export function reasonOf({ state, reason, isolation, connections }: UpstreamStatus): string {
  if (reason !== undefined) return reason;
  if (state !== "idle") return "";
  return connections.length === 0 && isolation !== "shared"
    ? `starts with each ${isolation === "session" ? "client" : "principal"}`
    : "starts when it is used";
}

/** What an upstream that can be called lists and what it lacks; of any other why it is in its state. */
export function summaryOf(upstream: UpstreamStatus): string {
  const why = reasonOf(upstream);
  return isUp(upstream) ? [counts(upstream), ...(why === "" ? [] : [why])].join("; ") : why;
}

const LAST_LINES = 5;

/** What a stdio server that is down wrote last to its stderr: at most five lines, indented. */
export function lastWords({ connections }: Pick<UpstreamStatus, "connections">): string[] {
  const stderr = connections.find((connection) => connection.stderr && !isUp(connection))?.stderr ?? "";
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-LAST_LINES).map((line) => `    ${line.trimEnd()}`);
}
