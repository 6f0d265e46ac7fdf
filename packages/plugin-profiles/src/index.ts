import { readFileSync } from "node:fs";
import { definePlugin, type Entry } from "mcp-host";
import type { z } from "zod";
import { options } from "./options.ts";
import { profilesOf } from "./profile.ts";
import { namedServers, warnOfGlobs } from "./servers.ts";
import { Views } from "./view.ts";
import { described, INTRODUCTIONS, introduced, LISTS } from "./words.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

/** What a config may say of the plugin. */
export type ProfilesOptions = z.input<typeof options>;

/** Named selections of what the host offers, by endpoint or by role. Names stay as they are. */
export const profiles = definePlugin({
  name: "profiles",
  version,
  host: "^1.0.0",
  security: true,
  options,
  apply(host, given) {
    const { hooks } = host;
    const all = profilesOf(given);
    const each = [...all.values()];
    const views = new Views(all, given);
    host.reload.expectUpstreams(...namedServers(given));
    for (const { name, hasEndpoint } of each) if (hasEndpoint) host.endpoint(name);

    const isHiding = each.map(({ outside = given.outside }) => outside === "hide");
    const isGuarded = each.some(({ roles }) => roles !== undefined);
    if (isGuarded || isHiding.includes(false))
      hooks.permit.tap("profiles", (entry, caller) => (views.of(caller)?.permits(entry) === false ? false : undefined));
    if (isHiding.includes(true))
      hooks.list.tap("profiles", (entries, caller) => {
        const view = views.of(caller);
        return view ? entries.filter((entry) => view.shows(entry)) : entries;
      });
    if (isGuarded || each.some(({ description, instructions }) => description !== undefined || instructions !== undefined))
      for (const method of INTRODUCTIONS)
        hooks.respond.for(method).tap("profiles", (result, { caller }) => introduced(result, views, caller));
    if (each.some(({ descriptions }) => descriptions.size > 0))
      for (const method of Object.keys(LISTS) as (keyof typeof LISTS)[])
        hooks.respond.for(method).tap("profiles", (result, { caller }) => described(result, method, views.of(caller)));
    // What plugins offer is among the upstreams by now.
    hooks.ready.tap("profiles", () => {
      const keys = host.upstreams.map(({ key }) => key);
      warnOfGlobs(given, keys, host.log);
    });

    host.operator.report(() => {
      const entries = host.catalog.entries();
      return {
        default: given.default ?? null,
        profiles: Object.fromEntries(
          each.map((profile) => [
            profile.name,
            {
              ...(profile.description !== undefined && { description: profile.description }),
              endpoint: profile.hasEndpoint,
              roles: profile.roles ?? null,
              outside: profile.outside ?? given.outside,
              ...counted(entries.filter((entry) => profile.includes(entry))),
            },
          ]),
        ),
      };
    });
  },
});

/** How many of each kind there are. */
function counted(entries: readonly Entry[]): Record<string, number> {
  const of = (kind: Entry["kind"]): number => entries.filter((entry) => entry.kind === kind).length;
  return { tools: of("tool"), prompts: of("prompt"), resources: of("resource"), templates: of("template") };
}

export default profiles;
