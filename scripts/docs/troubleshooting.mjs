import { FINDINGS } from "../../packages/host/dist/cli/doctor/findings.js";
import { between, table } from "../pages.mjs";

export const file = "docs/troubleshooting.md";

/** What `mcp-host doctor` can find, from the code that finds it. */
export function render(current) {
  const findings = table(
    ["finding", "level", "meaning", "what helps"],
    Object.entries(FINDINGS).map(([id, { level, meaning, remedy }]) => [`\`${id}\``, level, meaning, remedy || "–"]),
  );
  return between(current, "findings", findings);
}
