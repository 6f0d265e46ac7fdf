import type { z } from "zod";
import type { Awaitable } from "../exchange/awaitable.ts";
import type { Json } from "../wire/message.ts";
import type { HostStatus } from "./host-status.ts";
import type { Followed, Operation, OperationFacts, OperationInfo, Operations, OperatorDoor, Who } from "./operations.ts";

/** What a plugin is for whoever looks after a running host. */
export interface PluginOperator {
  /** What `mcp-host status` shows of the running host. Ask from `ready` on, and not in a report, which is a part of it. */
  status(): HostStatus;
  /** Says how things stand with the plugin, for `mcp-host inspect`, `mcp-host status` and `host.reports()`: any JSON, without secrets. Asked whenever somebody looks. */
  report(read: () => Readonly<Json>): void;
  /**
   * Something that an operator may have done to the running host: `mcp-host <plugin> <command>` calls it through `callRunningHost`.
   * @param name without a colon; it is run as `<plugin>:<name>`
   * @param run gets params that fit `facts.params`, and the name of who has it done
   */
  operation<Schema extends z.ZodType = z.ZodType<Readonly<Json>>>(
    name: string,
    run: (params: z.output<Schema>, who: string) => Awaitable<Readonly<Json>>,
    facts?: OperationFacts<Schema>,
  ): void;
  /** What {@link run} can have done: the host's own operations and those of all plugins. Ask from `ready` on. */
  list(): readonly OperationInfo[];
  /**
   * Has something done to the running host, as `mcp-host` does over the control socket and within the same bounds: params of 64 KiB,
   * 30 s, a result of 16 MiB. Whether whoever asked the plugin may have it done is the plugin's to know.
   * @param name as listed
   * @param params JSON that fits what is listed
   * @param who has it done: a principal, told by its id, or a name such as `admin:alice`. It does not decide what may be done; it is
   * what the operation and the taps of `operated` are told
   * @throws Error that says why it was not done, or what there is instead of an unknown name
   */
  run(name: string, params: Readonly<Json>, who: Who): Promise<Readonly<Json>>;
  /**
   * What `mcp-host logs` and `mcp-host trace` show, as it comes: texts of JSON without secrets, of which 2048 wait at most for whoever reads
   * them; where more came, a line tells how many are missing. Ask from `ready` on.
   * @param query as those commands ask: of `logs` `level`, `server`, `tool`, `id`, `since`, `lines` (how many of those that are kept) and
   * `follow`; of `trace` `tool`, `caller`, `plugin`, `outcome` and `count`
   * @param signal ends it
   * @throws HostError for a query that asks for what there is not, and where eight follow already
   */
  follow(what: Followed, query: Readonly<Json>, signal: AbortSignal): Promise<AsyncIterable<string>>;
}

/** @param plugin whose it is @param own what the plugins of its set offer */
export function operatorOf(
  plugin: string,
  { status, operator }: { readonly status: PluginOperator["status"]; readonly operator: () => OperatorDoor },
  own: () => Operations,
): PluginOperator {
  return Object.freeze({
    status,
    report: (read: () => Readonly<Json>) => own().report(plugin, read),
    // Its schema, where it has one, sees to it that `run` is given what it takes.
    operation: (name: string, run: unknown, facts: OperationFacts = {}) => own().operation(plugin, name, run as Operation["run"], facts),
    list: () => operator().list(),
    run: (name: string, params: Readonly<Json>, who: Who) => operator().run(name, params, who, plugin),
    follow: (what: Followed, query: Readonly<Json>, signal: AbortSignal) => operator().follow(what, query, signal),
  });
}
