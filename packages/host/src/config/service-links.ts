import { isIP } from "node:net";

/** The variables that Kubernetes, and Docker's links, set for a service, by the ends of their names, and the values that they have. */
const FORMS: readonly (readonly [RegExp, (value: string) => boolean])[] = [
  [/_SERVICE_HOST$/, isAddress],
  [/_SERVICE_PORT($|_)/, isPort],
  [/_PORT(_\d+_(TCP|UDP|SCTP))?$/, (value) => /^(tcp|udp|sctp):\/\/[^/\s]+$/.test(value)],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, (value) => /^(tcp|udp|sctp)$/.test(value)],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PORT$/, isPort],
  [/_PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, isAddress],
];

/**
 * Whether a variable is one of those that every container of a cluster is given for each service there: of a service named
 * `mcp-host`, `MCP_HOST_SERVICE_HOST` and the like. Nobody chose it to configure anything.
 */
export function isServiceLink(variable: string, value: string): boolean {
  return FORMS.some(([name, fits]) => name.test(variable) && fits(value));
}

function isAddress(value: string): boolean {
  return isIP(value) !== 0;
}

function isPort(value: string): boolean {
  return /^\d{1,5}$/.test(value);
}
