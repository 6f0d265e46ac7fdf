import type { ArgsDef } from "citty";
import { UsageError } from "../../operator/usage-error.ts";
import { isSafeUrl } from "../../wire/loopback.ts";
import { durationOf } from "../command-line/durations.ts";

/** The registry that is asked where nobody names another. */
export const OFFICIAL_REGISTRY = "https://registry.modelcontextprotocol.io";

/** The variable that names another. */
const VARIABLE = "MCP_HOST_REGISTRY";

/** How long an answer may take where nobody says otherwise. */
const PATIENCE = 20_000;

/** Which registry is asked, and how long it may take. */
export const registryArgs = {
  registry: {
    type: "string",
    valueHint: "url",
    description: `The MCP registry that is asked. Default: the variable ${VARIABLE}, else ${OFFICIAL_REGISTRY}`,
  },
  timeout: { type: "string", valueHint: "duration", description: "How long the registry may take for an answer. Default: 20s" },
} as const satisfies ArgsDef;

/** A registry, and how long it may take for one answer in milliseconds. */
export interface RegistryChoice {
  readonly base: string;
  readonly timeout: number;
}

/** The registry that flags and environment name. @throws UsageError for an address that is none, or that others could answer for */
export async function chosenRegistry(
  { registry, timeout }: { registry?: string | undefined; timeout?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): Promise<RegistryChoice> {
  const [source, given] = registry === undefined ? [VARIABLE, env[VARIABLE] || OFFICIAL_REGISTRY] : ["--registry", registry];
  if (!isSafeUrl(given))
    throw new UsageError(
      `${source}: must be the https:// URL of an MCP registry without a user name, such as ${OFFICIAL_REGISTRY}; http:// is for this machine alone`,
    );
  const { origin, pathname } = new URL(given);
  // The version of the API belongs to each request.
  const path = pathname.replace(/\/$/, "").replace(/\/v0(\.1)?$/, "");
  return { base: `${origin}${path}`, timeout: (await durationOf("--timeout", timeout)) ?? PATIENCE };
}
