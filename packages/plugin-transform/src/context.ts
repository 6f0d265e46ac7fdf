import { type Exchange, isObject, type Json } from "mcp-host";

/** Something that a call's context knows. */
export type Source = (context: Context) => unknown;

/** What enriching takes its values from. */
export interface Context {
  readonly exchange: Pick<Exchange, "principal" | "client" | "entry" | "id">;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const FIXED: Readonly<Record<string, Source>> = {
  "principal.id": ({ exchange }) => exchange.principal.id,
  "principal.roles": ({ exchange }) => [...exchange.principal.roles],
  "client.name": ({ exchange }) => exchange.client.info.name,
  "client.version": ({ exchange }) => exchange.client.info.version,
  "entry.name": ({ exchange }) => exchange.entry?.name,
  "entry.upstream": ({ exchange }) => exchange.entry?.upstream,
  "request.id": ({ exchange }) => exchange.id,
  time: ({ now }) => new Date(now).toISOString(),
  "time.seconds": ({ now }) => Math.floor(now / 1_000),
};

export const SOURCES = [...Object.keys(FIXED), "principal.claims.<name>", "environment.<NAME>"];

/** The source by its name; undefined for one that there is not, or an environment variable that is not allowed. */
export function sourceOf(name: string, environment: readonly string[]): Source | undefined {
  if (Object.hasOwn(FIXED, name)) return FIXED[name];
  const [, claim] = /^principal\.claims\.(.+)$/.exec(name) ?? [];
  if (claim !== undefined) return ({ exchange }) => within(exchange.principal.claims, claim.split("."));
  const [, variable] = /^environment\.(.+)$/.exec(name) ?? [];
  if (variable === undefined || !environment.includes(variable)) return undefined;
  return (context) => context.environment[variable];
}

function within(claims: Readonly<Json> | undefined, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const key of path) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}
