import type { Config } from "../config/schema.ts";
import { Host } from "../host/host.ts";
import type { HostOptions } from "../host/options.ts";
import { OperatorDesk } from "./operator-desk.ts";

/** The desk of each host. */
const desks = new WeakMap<Host, OperatorDesk>();

/** Makes a host. Nothing runs before {@link Host.start}. @throws ConfigError that names everything wrong with the config */
export function createHost(config: Config, options: HostOptions = {}): Host {
  let desk: OperatorDesk | undefined;
  const host = new Host(config, options, (operated) => (desk = new OperatorDesk(operated, options.operator)));
  if (desk) desks.set(host, desk);
  return host;
}

/** Where everything is done that operators have done to a host; for what belongs to the host and is not its public face. */
export function deskOf(host: Host): OperatorDesk {
  const desk = desks.get(host);
  if (!desk) throw new Error("the host was not made by createHost()");
  return desk;
}
