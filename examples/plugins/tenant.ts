import { definePlugin, type Principal, refuse } from "mcp-host";
import { z } from "zod";

const name = z.string().regex(/^[\w.-]{1,64}$/);
const tenant = z.strictObject({ members: z.array(z.string()).min(1), servers: z.array(z.string()).default([]) });

/** The claim that says it; a token that brings one of this name says nothing. */
const CLAIM = "tenant";
const tenantOf = ({ claims }: Principal): string | undefined => claims?.[CLAIM] as string | undefined; // written below

/**
 * Who acts for which tenant, by an HTTP header. A person sends `x-tenant: blue` and is blue's for that request, if blue's list of members has
 * them. Servers of tenants are seen by those tenants alone, have connections of their own for each person and tenant, and are told the
 * tenant in the same header. Sessions, caches and limits keep tenants apart, since the tenant is part of who somebody is (`binding`).
 *
 * Needs a plugin that says who people are: for who is `anonymous` no header counts.
 */
export default definePlugin({
  name: "tenant",
  version: "1.0.0",
  host: "^1.0.0",
  security: true,
  options: z.strictObject({
    header: z
      .string()
      .regex(/^x-[a-z0-9-]+$/)
      .default("x-tenant"),
    tenants: z.record(name, tenant),
  }),
  apply(host, { header, tenants }) {
    const all = new Map(Object.entries(tenants));
    const owners = new Map<string, Set<string>>();
    for (const [id, { servers }] of all) {
      for (const server of servers) owners.set(server, (owners.get(server) ?? new Set()).add(id));
      host.reload.expectUpstreams(...servers.map((key, at) => ({ place: `options.tenants.${id}.servers[${at}]`, key })));
    }
    const known = new Set(host.upstreams.map(({ key }) => key));
    for (const server of owners.keys()) if (known.has(server)) host.isolate(server, "principal");

    host.hooks.principal.tap("tenant", (principal, { headers }) => {
      const { [CLAIM]: _, ...claims } = principal.claims ?? {};
      const wanted = headers[header];
      if (wanted === undefined) return { ...principal, claims };
      if (typeof wanted !== "string" || !all.get(wanted)?.members.includes(principal.id))
        throw refuse("forbidden", `you are no member of the tenant that ${header} names; leave the header out or correct it`);
      return { ...principal, claims: { ...claims, [CLAIM]: wanted }, binding: JSON.stringify([principal.binding, wanted]) };
    });

    host.hooks.permit.tap("tenant", ({ upstream }, { principal }) => {
      const owned = owners.get(upstream);
      if (!owned) return undefined; // everybody's
      return owned.has(tenantOf(principal) ?? "") ? undefined : { rule: "another-tenants" };
    });

    host.hooks.credentials.tap("tenant", (credentials, { upstream, principal }) => {
      const acting = owners.has(upstream.key) && principal ? tenantOf(principal) : undefined;
      if (acting === undefined) return credentials;
      return { ...credentials, headers: { ...credentials.headers, [header]: acting } };
    });
  },
});
