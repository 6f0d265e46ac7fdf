import type { Json, OperationInfo, Scope } from "mcp-host";
import type { Operator } from "./access.ts";

export type Method = "GET" | "POST" | "DELETE";

/** What an operation gives, made what a route answers, with the schema of that. */
interface Selection {
  select(result: Json, path: Readonly<Record<string, string>>): Json | undefined;
  schema(result: Json): Json;
}

/** One route of the API: what is asked for there is an operation, which says what it takes, what it gives and what it needs. */
export interface Route {
  readonly method: Method;
  /** Below the API's own path; `{name}` stands for one part. */
  readonly path: string;
  readonly operation: string;
  /** Under which param of the operation a part of the path is handed on; others by their own names. */
  readonly params?: Readonly<Record<string, string>>;
  /** Params that the plugin says, and nobody else. */
  readonly fixed?: (operator: Pick<Operator, "commands">) => Readonly<Json>;
  /** Parts of the path that only choose from what the operation gives. */
  readonly chooses?: readonly string[];
  readonly selection?: Selection;
  readonly summary?: string;
}

/** A route with the operation that it has done. */
export interface Served extends Route {
  readonly info: OperationInfo;
  readonly scope: Scope;
  /** The parts of {@link Route.path}. */
  readonly parts: readonly string[];
}

const propertyOf = (schema: Json, name: string): Json => (schema.properties as Record<string, Json> | undefined)?.[name] ?? {};

/** Part of what an operation gives. */
function only(key: string, wanted = key): Selection {
  return {
    select: (result) => ({ [wanted]: result[key] }),
    schema: (result) => ({ type: "object", properties: { [wanted]: propertyOf(result, key) }, required: [wanted] }),
  };
}

const upstream = { name: "upstream" };

const oneServer: Selection = {
  select: ({ upstreams }, { name }) => (upstreams as Json[]).find((each) => each.name === name), // so `status` gives them
  schema: (result) => (propertyOf(result, "upstreams").items as Json | undefined) ?? {},
};

/** Who asks decides whether a config may be changed in what starts programs; the body has no say in it. */
const fixed: Route["fixed"] = ({ commands }) => ({ commands });
const NOBODY: Pick<Operator, "commands"> = { commands: false };

/** Names of the params that nobody may give who asks. */
export function fixedNames(route: Route): readonly string[] {
  return Object.keys(route.fixed?.(NOBODY) ?? {});
}

/** Every route but those of plugins' operations. @param own the plugin's id */
export function routes(own: string): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/mode",
      operation: "stats",
      selection: only("mode"),
      summary: "Tells whether one server is passed on as it is, or several are one.",
    },
    { method: "GET", path: "/status", operation: "status" },
    { method: "GET", path: "/health", operation: "health" },
    { method: "GET", path: "/stats", operation: "stats" },
    { method: "GET", path: "/pipeline", operation: "pipeline" },
    {
      method: "GET",
      path: "/servers",
      operation: "status",
      selection: only("upstreams", "servers"),
      summary: "Tells of every server its state, and why.",
    },
    {
      method: "GET",
      path: "/servers/{name}",
      operation: "status",
      chooses: ["name"],
      selection: oneServer,
      summary: "Tells how one server is.",
    },
    {
      method: "GET",
      path: "/servers/{name}/catalog",
      operation: "catalog",
      params: upstream,
      summary: "Tells what one server offers, page by page.",
    },
    { method: "POST", path: "/servers/{name}/reconnect", operation: "reconnect", params: upstream },
    { method: "POST", path: "/servers/{name}/enable", operation: "enable", params: upstream },
    { method: "POST", path: "/servers/{name}/disable", operation: "disable", params: upstream },
    { method: "GET", path: "/catalog", operation: "catalog" },
    {
      method: "GET",
      path: "/conflicts",
      operation: "status",
      selection: only("withheld", "conflicts"),
      summary: "Tells what is not offered, and why.",
    },
    {
      method: "GET",
      path: "/profiles",
      operation: "status",
      selection: only("endpoints"),
      summary: "Tells the endpoints beside the unnamed one, such as those of profiles.",
    },
    {
      method: "GET",
      path: "/reports",
      operation: "status",
      selection: only("reports"),
      summary: "Tells how things stand with each plugin that says so.",
    },
    { method: "GET", path: "/clients", operation: "clients" },
    { method: "DELETE", path: "/clients/{client}", operation: "end-client" },
    { method: "GET", path: "/calls", operation: `${own}:calls` },
    { method: "GET", path: "/calls/{id}", operation: `${own}:call` },
    { method: "GET", path: "/logs", operation: `${own}:logs` },
    { method: "GET", path: "/config", operation: "config" },
    { method: "POST", path: "/config/change", operation: "config-change", fixed },
    { method: "GET", path: "/config/history", operation: "config-history" },
    { method: "POST", path: "/config/restore", operation: "config-restore", fixed },
    { method: "POST", path: "/reload", operation: "reload" },
    { method: "POST", path: "/drain", operation: "drain" },
    { method: "POST", path: "/resume", operation: "resume" },
    { method: "POST", path: "/restart", operation: "restart" },
    { method: "POST", path: "/stop", operation: "stop" },
  ];
}

/** The routes that there are with these operations: those of the table, and one for each operation of another plugin. */
export function served(table: readonly Route[], operations: readonly OperationInfo[], own: string): readonly Served[] {
  const byName = new Map(operations.map((info) => [info.name, info]));
  const ofPlugins = operations.flatMap(({ name, plugin }): Route[] => {
    if (plugin === undefined || plugin === own) return [];
    return [{ method: "POST", path: `/plugins/${plugin}/${name.slice(plugin.length + 1)}`, operation: name }];
  });
  return [...table, ...ofPlugins].flatMap((route) => {
    const info = byName.get(route.operation);
    // What a host does not have, such as a config's file where it is part of a program, has no route.
    return info ? [{ ...route, info, scope: info.scope, parts: route.path.split("/").slice(1) }] : [];
  });
}

/** The parts of the path that stand for something, by name; undefined for another path. */
export function match({ parts }: Served, path: readonly string[]): Record<string, string> | undefined {
  if (parts.length !== path.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const given = path[index] as string; // they are as many
    if (part.startsWith("{")) found[part.slice(1, -1)] = given;
    else if (part !== given) return undefined;
  }
  return found;
}

/** Names of the parts of a path that stand for something. */
export function namesIn({ parts }: Served): string[] {
  return parts.filter((part) => part.startsWith("{")).map((part) => part.slice(1, -1));
}

/** The params that whoever asks may give: not those of the path, nor what the plugin says. */
export function givenParams(route: Served): { readonly properties: Readonly<Record<string, Json>>; readonly required: readonly string[] } {
  const taken = new Set([...namesIn(route).map((name) => route.params?.[name] ?? name), ...fixedNames(route)]);
  const properties = Object.entries((route.info.params.properties ?? {}) as Record<string, Json>).filter(([name]) => !taken.has(name));
  const required = ((route.info.params.required ?? []) as string[]).filter((name) => !taken.has(name));
  return { properties: Object.fromEntries(properties), required };
}
