import type { HostStatus } from "../../plugin/host-status.ts";
import { table } from "./table.ts";

/** What plugins say of themselves, a value a line, with dotted names; lists and what is empty as JSON. */
export function reportLines(reports: HostStatus["reports"], width?: number): string {
  return table(
    Object.entries(reports).flatMap(([plugin, report]) =>
      values(report, "").map(([name, value], index) => [index === 0 ? `  ${plugin}` : "", name, value]),
    ),
    width,
  );
}

function values(value: unknown, name: string): [name: string, value: string][] {
  const isBranch = typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
  if (!isBranch) return value === undefined ? [] : [[name, typeof value === "string" ? value : JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, item]) => values(item, name === "" ? key : `${name}.${key}`));
}
