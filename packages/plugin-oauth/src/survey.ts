import type { PluginClock, PluginHost } from "mcp-host";
import type { Grants } from "./grants.ts";
import { ownerOf, type Target } from "./servers.ts";
import type { Standings } from "./standing.ts";

/** How long servers may take to say whether they want a sign-in. */
const PROVOKED = 10_000;

export interface SurveyOptions {
  readonly targets: ReadonlyMap<string, Target>;
  readonly standings: Standings;
  readonly grants: Grants;
  readonly clock: PluginClock;
  readonly renew: PluginHost["renew"];
  readonly status: PluginHost["operator"]["status"];
}

/** Where the host stands with a server that it signs in to, or might. */
export interface Surveyed {
  /** Its key in `mcpServers`. */
  readonly server: string;
  /** `open`: it wants no sign-in. `unknown`: it did not say, and `why` tells more. */
  readonly state: "signed in" | "needs sign-in" | "needs more scope" | "stopped" | "open" | "unknown";
  readonly why?: string;
}

/**
 * Finds out which servers want the host to sign in. Those of which nothing is known are asked, all at the same time and once each; one that
 * is in use says by that what it is.
 */
export async function survey({ targets, ...parts }: SurveyOptions): Promise<Surveyed[]> {
  const asked = [...targets.values()].filter(({ mode, options }) => mode === "host" && options.grant === "authorization_code");
  return Promise.all(asked.map((target) => one(target, parts)));
}

async function one(target: Target, { standings, grants, clock, renew, status }: Omit<SurveyOptions, "targets">): Promise<Surveyed> {
  const { key: server } = target;
  const owner = ownerOf(target, undefined);
  const said = (): Surveyed | undefined => {
    const standing = standings.of(owner);
    if (!standing) return undefined;
    return { server, state: standing.state === "degraded" ? "signed in" : standing.state, why: standing.why };
  };
  const known = said();
  if (known) return known;
  const grant = await grants.get(owner);
  if (grant) return grant.dead ? { server, state: "needs sign-in", why: grant.dead.why } : { server, state: "signed in" };
  if (status().upstreams.some(({ name, state }) => name === server && state === "ready")) return { server, state: "open" };
  const late = new AbortController();
  try {
    const answer = renew(server).then(
      (): Surveyed => ({ server, state: "open" }),
      (error: unknown): Surveyed => ({ server, state: "unknown", why: error instanceof Error ? error.message : String(error) }),
    );
    const waited = clock.sleep(PROVOKED, late.signal).then((): Surveyed => ({ server, state: "unknown", why: "it does not answer" }));
    const answered = await Promise.race([answer, waited]);
    return said() ?? answered;
  } finally {
    late.abort();
  }
}
