import { type Entry, matcher, uriMatcher } from "mcp-host";
import type { ProfileOptions } from "./options.ts";

export type Test = (entry: Entry) => boolean;

type Lists = Pick<ProfileOptions, "servers" | "tools" | "prompts" | "resources">;

/**
 * The test of what is in a profile: what its own lists name and what is in one of those that it extends, without what its lists take
 * out with `!`. An entry must be on one of `servers`, and of the list of its kind as soon as any kind has one. A profile that names
 * nothing has everything, or what it extends.
 */
export function selection({ servers, tools, prompts, resources }: Lists, bases: readonly Test[]): Test {
  const server = parted(servers);
  const lists = [tools, prompts, resources].map(parted);
  const [tool, prompt, resource] = lists as [Parted, Parted, Parted]; // as many as there are lists
  const onServer = server.wanted && onOneOf(server.wanted);
  const offServer = onOneOf(server.unwanted);
  const isListed = lists.some(({ wanted }) => wanted !== undefined && wanted.length > 0);
  const wanted: Partial<Record<Entry["kind"], Test>> = {
    ...(tool.wanted && { tool: matcher(tool.wanted) }),
    ...(prompt.wanted && { prompt: matcher(prompt.wanted) }),
    ...(resource.wanted && { resource: resourcesOf(resource.wanted), template: eitherName(matcher(resource.wanted)) }),
  };
  const unwanted: Partial<Record<Entry["kind"], Test>> = {
    tool: matcher(tool.unwanted),
    prompt: matcher(prompt.unwanted),
    // A URI that no server lists was spelt by the client: what takes out speaks of any spelling that may mean the same.
    resource: eitherName(uriMatcher(resource.unwanted).any),
    template: eitherName(matcher(resource.unwanted)),
  };
  const isOwn: Test = (entry) => {
    if (onServer && !onServer(entry)) return false;
    const list = wanted[entry.kind];
    if (list) return list(entry);
    return !isListed && (onServer !== undefined || bases.length === 0);
  };
  return (entry) => !offServer(entry) && unwanted[entry.kind]?.(entry) !== true && (isOwn(entry) || bases.some((base) => base(entry)));
}

interface Parted {
  /** Undefined where nothing is said of what is in. */
  readonly wanted: readonly string[] | undefined;
  readonly unwanted: readonly string[];
}

function parted(globs: readonly string[] | undefined): Parted {
  const wanted = globs?.filter((glob) => !glob.startsWith("!"));
  const unwanted = globs?.filter((glob) => glob.startsWith("!")).map((glob) => glob.slice(1)) ?? [];
  return { wanted: wanted?.length === 0 && unwanted.length > 0 ? undefined : wanted, unwanted };
}

function onOneOf(globs: readonly string[]): Test {
  const fits = matcher(globs);
  return ({ upstream }) => fits({ name: upstream, upstream, native: upstream });
}

function resourcesOf(globs: readonly string[]): Test {
  const listed = matcher(globs);
  const spelt = uriMatcher(globs);
  return eitherName((entry) => ("uri" in entry.definition ? listed(entry) : spelt.all(entry)));
}

/** Where two servers have a URI, one of them is exposed with a prefix; a glob of the URI speaks of both. */
function eitherName(test: Test): Test {
  return (entry) => test(entry) || (entry.name !== entry.native && test({ ...entry, name: entry.native }));
}
