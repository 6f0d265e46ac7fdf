import { ConfigError } from "mcp-host";

/** The options as a config gives them, with defaults filled in. */
export interface Options {
  readonly strategy: "prefix" | "conflict";
  readonly separator: string;
  readonly prefixes: Readonly<Record<string, string>>;
  readonly names: Readonly<Record<string, string>>;
  readonly maxLength: number;
}

/** The options, checked against the configured upstreams. */
export interface Rules {
  readonly strategy: "prefix" | "conflict";
  /** Upstream → what is put before its names, the separator included; `""` for none. */
  readonly prefixes: ReadonlyMap<string, string>;
  readonly separator: string;
  /** `<upstream>:<native>` → exposed name. */
  readonly names: ReadonlyMap<string, string>;
  /** In characters. */
  readonly maxLength: number;
}

/** The upstreams that options name, by place. */
export function namedUpstreams({ prefixes, names }: Options): { place: string; key: string }[] {
  return [
    ...Object.keys(prefixes).map((key) => ({ place: `options.prefixes["${key}"]`, key })),
    // An upstream's key holds no colon.
    ...Object.keys(names).map((entry) => ({ place: `options.names["${entry}"]`, key: entry.slice(0, entry.indexOf(":")) })),
  ];
}

/** Checks options that only make sense together with the upstreams. @throws ConfigError with all that is wrong with them */
export function checkedOptions(options: Options, upstreams: readonly string[]): Rules {
  const { strategy, separator, maxLength } = options;
  const own = new Map(Object.entries(options.prefixes));
  const names = new Map(Object.entries(options.names));
  const prefixes = new Map(
    [...upstreams, ...own.keys()].map((key) => {
      const prefix = own.get(key) ?? key;
      return [key, prefix === "" ? "" : `${prefix}${separator}`];
    }),
  );
  const problems = [...badNames(names, maxLength), ...ambiguities(prefixes)];
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `plugin "namespace": ${problem}`));
  return { strategy, prefixes, separator, names, maxLength };
}

function badNames(names: ReadonlyMap<string, string>, maxLength: number): string[] {
  const givenTo = new Map<string, string>();
  return [...names].flatMap(([entry, name]) => {
    const place = `options.names["${entry}"]`;
    if (name.length > maxLength)
      return [`${place}: "${name}" has ${name.length} characters and maxLength is ${maxLength}; shorten it or raise maxLength`];
    const other = givenTo.get(name);
    if (other !== undefined) return [`${place}: "${name}" is the name of "${other}" already; choose another`];
    givenTo.set(name, entry);
    return [];
  });
}

/**
 * Pairs of upstreams whose names cannot be told apart: `a__b` + `c` and `a` + `b__c` are both `a__b__c`. Equal prefixes
 * and empty ones are the operator's wish, and what then meets is kept apart by aliases.
 */
function ambiguities(prefixes: ReadonlyMap<string, string>): string[] {
  const all = [...prefixes].filter(([, prefix]) => prefix !== "");
  return all.flatMap(([longer, long]) =>
    all
      .filter(([, short]) => long !== short && long.startsWith(short))
      .map(
        ([shorter, short]) =>
          `upstreams "${longer}" and "${shorter}" could come to the same names, since the prefix "${long}" begins with "${short}"; ` +
          `choose another "separator", or give "${longer}" a prefix of its own in "prefixes"`,
      ),
  );
}
