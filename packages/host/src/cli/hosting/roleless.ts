import type { Host } from "../../host/host.ts";

/** Why a command may be shown less than clients are: plugins know clients by their roles, and whoever comes from here has none. */
export function roleless(host: Host): string | undefined {
  if (host.config.roles.length > 0 || !host.pipeline().taps.some(({ hook }) => hook === "authenticate")) return undefined;
  return 'whoever comes over stdio or by a command is the principal "local", which has no roles; `roles` in the config gives it some';
}
