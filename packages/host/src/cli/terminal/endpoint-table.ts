import type { HostStatus } from "../../plugin/host-status.ts";
import { table } from "./table.ts";

/** The endpoints beside the unnamed one, for people; nothing where there is none. */
export function endpointTable(endpoints: HostStatus["endpoints"]): string[] {
  return endpoints.length === 0 ? [] : [table([["ENDPOINT", "OPENED BY"], ...endpoints.map(({ name, plugin }) => [name, plugin])])];
}
