import type { Json, PluginHost } from "mcp-host";
import { z } from "zod";
import type { Drains } from "./drains.ts";
import type { Member } from "./member.ts";

export interface Operated {
  readonly members: ReadonlyMap<string, Member>;
  readonly drains: Drains;
  readonly tell: () => Json;
}

const server = z.string().min(1).describe("The member's key in `mcpServers`.");

/** What operators may have done. */
export function operate({ operator }: Pick<PluginHost, "operator">, { members, drains, tell }: Operated): void {
  const memberOf = (key: string): Member => {
    const member = members.get(key);
    if (member) return member;
    throw new Error(`no group has a member ${JSON.stringify(key)}; there are ${[...members.keys()].join(", ") || "none"}`);
  };
  operator.operation("show", tell, {
    description: "Tells how the members of each group do, what rules did, and what members do not have alike.",
    params: z.strictObject({}),
    reads: true,
  });
  operator.operation(
    "drain",
    async ({ server: key, now }) => {
      const member = memberOf(key);
      await drains.put(key, now ? "all" : "new");
      return { server: key, drained: member.drained ?? null, inFlight: member.inFlight };
    },
    {
      description: "Gives a member no new calls; what is under way goes on.",
      params: z.strictObject({ server, now: z.boolean().default(false).describe("Callers that stay with it go elsewhere at once.") }),
    },
  );
  operator.operation(
    "resume",
    async ({ server: key }) => {
      const member = memberOf(key);
      await drains.put(key, undefined);
      return { server: key, drained: member.drained ?? null };
    },
    { description: "Gives a drained member calls again.", params: z.strictObject({ server }) },
  );
}
