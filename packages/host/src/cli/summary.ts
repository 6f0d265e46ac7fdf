import type { UpstreamStatus } from "../status.ts";

/** Whether an upstream can be called now. */
export function isUp({ state }: Pick<UpstreamStatus, "state">): boolean {
  return state === "ready" || state === "degraded";
}

/** How many entries of each kind an upstream lists. */
export function counts({ entries }: Pick<UpstreamStatus, "entries">): string {
  return `${entries.tools} tools, ${entries.prompts} prompts, ${entries.resources + entries.templates} resources`;
}
