import type { UpstreamStatus } from "../../plugin/host-status.ts";
import { counted } from "../../wire/counted.ts";
import { tellingLine, wordsIn } from "../../wire/stderr.ts";

/** Whether an upstream can be called now. */
export function isUp({ state }: Pick<UpstreamStatus, "state">): boolean {
  return state === "ready" || state === "degraded";
}

/** How many entries of each kind an upstream lists. */
function counts({ entries }: Pick<UpstreamStatus, "entries">): string {
  const { tools, prompts, resources, templates } = entries;
  return [counted(tools, "tool"), counted(prompts, "prompt"), counted(resources, "resource"), counted(templates, "template")].join(", ");
}

/** How many entries of each kind an upstream lists, and the version of MCP that it speaks. */
export function described(upstream: Pick<UpstreamStatus, "entries" | "protocolVersion">): string {
  const { protocolVersion } = upstream;
  return protocolVersion === undefined ? counts(upstream) : `${counts(upstream)}; MCP ${protocolVersion}`;
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

/** What a stdio server that is down wrote last to its stderr, stacks left out: at most five lines, indented, with the one that says what happened. */
export function lastWords({ connections }: Pick<UpstreamStatus, "connections">): string[] {
  const stderr = connections.find((connection) => connection.stderr && !isUp(connection))?.stderr ?? "";
  const words = wordsIn(stderr);
  const telling = tellingLine(words);
  const last = words.slice(-LAST_LINES);
  const lines = telling === undefined || last.includes(telling) ? last : [telling, ...last.slice(1)];
  return lines.map((line) => `    ${line.trimEnd()}`);
}
