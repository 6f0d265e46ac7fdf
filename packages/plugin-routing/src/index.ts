import { readFileSync } from "node:fs";
import { definePlugin, type Entry, type ExpectedUpstream, type Json, refuse } from "mcp-host";
import type { z } from "zod";
import { Calls } from "./calls.ts";
import { Coalescing } from "./coalescing.ts";
import { Drains } from "./drains.ts";
import { Group } from "./group.ts";
import { makeInstruments } from "./instruments.ts";
import { Member } from "./member.ts";
import { Mirrors } from "./mirrors.ts";
import { operate } from "./operate.ts";
import { type GroupOptions, type Options, options } from "./options.ts";
import { reportOf } from "./report.ts";
import { Sticky } from "./sticky.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type RoutingOptions = z.input<typeof options>;

/** Requests that go where a route leads. */
const ROUTED = ["tools/call", "prompts/get", "resources/read", "completion/complete"] as const;
/** Those of them that equal ones may be answered with. */
const COALESCED = ["tools/call", "prompts/get", "resources/read"] as const;

/** Groups of equal servers under one name, and rules for what goes where. */
export const routing = definePlugin({
  name: "routing",
  version,
  host: "^1.0.0",
  // What a group offers is named and described as what any server offers.
  before: ["namespace", "transform"],
  options,
  commands: {
    show: () => import("./commands/show.ts"),
    drain: () => import("./commands/drain.ts"),
    resume: () => import("./commands/resume.ts"),
  },
  apply(host, given) {
    const { hooks, clock, random, log } = host;
    host.reload.expectUpstreams(...expectedOf(given));
    const store = host.store("routing");
    const members = new Map<string, Member>();
    const groups = Object.entries(given.groups).map(([name, own]) => {
      host.group(name);
      for (const { server } of own.members) members.set(server, new Member(server, clock, own));
      const by = own.sticky ?? (own.members.some(({ server }) => isolationOf(host.upstreams, server) === "session") && "session");
      const sticky = by ? new Sticky(name, by, own.stickyFor, { store, clock, log }) : undefined;
      return new Group(name, own, { members, sticky, random, permits: host.permits, catalog: host.catalog, log });
    });

    /** By the list of members, which whoever renames an entry leaves as it is. */
    const byMembers = new WeakMap<NonNullable<Entry["members"]>, Group>();
    const instruments = makeInstruments(host.meter, () => members.values());
    const mirrors = new Mirrors(instruments, log);
    const groupOf = ({ members: of }: Entry): Group | undefined => of && byMembers.get(of);
    const calls = new Calls({ groupOf, members, mirrors, instruments, clock });
    const drains = new Drains(store, members, log);
    const coalescing = new Coalescing(given.coalesce, (upstream) => instruments.coalesced.add(1, upstream));

    if (given.coalesce.length > 0) for (const method of COALESCED) hooks.call.for(method).tap("routing", (next) => coalescing.around(next));
    if (groups.length > 0) {
      hooks.merge.tap("routing", (entries) =>
        groups.reduce((all, group) => group.listing.merge(all, (of) => void byMembers.set(of, group)), entries),
      );
      hooks.route.tap("routing", (exchange) => calls.route(exchange));
      for (const method of ROUTED) hooks.call.for(method).tap("routing", (next, { key }) => calls.around(next, key));
      hooks.settled.tap("routing", (exchange) => calls.settled(exchange));
      if (groups.some((each) => each.options.rules.some(({ mirror }) => mirror !== undefined)))
        hooks.ask.tap("routing", (request, exchange) => {
          if (mirrors.isAsking(exchange)) throw refuse("method_not_found", "nobody is asked on behalf of a mirrored call");
          return request;
        });
      hooks.upstream.tap("routing", ({ key, state, isolation }) => {
        // Of one that is nobody's in common, a connection says nothing about the others.
        if (isolation === "shared" || state === "removed") members.get(key)?.changed(state);
      });
      hooks.ready.tap("routing", () => {
        // A reload tells nothing of servers that are as they were.
        for (const { name, state, isolation } of host.operator.status().upstreams)
          if (isolation === "shared") members.get(name)?.found(state);
        return drains.open();
      });
      hooks.close.tap("routing", () => {
        drains.close();
        mirrors.close();
      });
    }

    const tell = (): Json => reportOf(groups, instruments, mirrors);
    host.operator.report(tell);
    operate(host, { members, drains, tell });
  },
});

function isolationOf(upstreams: readonly { readonly key: string; readonly isolation: string }[], server: string): string | undefined {
  return upstreams.find(({ key }) => key === server)?.isolation;
}

function expectedOf({ groups }: Options): ExpectedUpstream[] {
  return Object.entries(groups).flatMap(([name, { members }]: [string, GroupOptions]) =>
    members.map(({ server }, index) => ({ place: `options.groups.${name}.members[${index}]`, key: server })),
  );
}

export default routing;
