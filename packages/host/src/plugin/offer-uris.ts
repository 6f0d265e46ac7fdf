/** A URI template that a plugin offers, with what its variables are in a URI. */
export interface UriPattern {
  readonly variables: readonly string[];
  /** The variables' values, percent-decoded; undefined for a URI that does not come from the template. */
  match(uri: string): Readonly<Record<string, string>> | undefined;
}

/**
 * Reads a URI template (RFC 6570) of `{name}`, a part between slashes, and `{+name}`, which may hold some. Each is followed by
 * what it ends at, so that matching is linear in the URI.
 * @throws Error for any other expression
 */
export function uriPattern(template: string): UriPattern {
  const pieces = template.split(/(\{[^{}]*\})/);
  const [start = "", ...rest] = pieces;
  const parts: { readonly name: string; readonly isPath: boolean; readonly until: string }[] = [];
  for (let index = 0; index < rest.length; index += 2) {
    const expression = rest[index] as string; // every other piece is one
    const [, plus, name] = /^\{(\+?)(\w+)\}$/.exec(expression) ?? [];
    if (name === undefined) throw new Error(`"${expression}" cannot be matched; variables are {name} and {+name}`);
    const until = rest[index + 1] as string; // a piece, perhaps empty, follows every expression
    if (until === "" && index + 2 < rest.length) throw new Error(`something must stand between "${expression}" and "${rest[index + 2]}"`);
    parts.push({ name, isPath: plus === "+", until });
  }
  const variables = parts.map(({ name }) => name);
  if (variables.length === 0) throw new Error("has no variable; offer it under resources");
  if (new Set(variables).size < variables.length) throw new Error("has a variable twice");
  return {
    variables,
    match(uri) {
      if (!uri.startsWith(start)) return undefined;
      let at = start.length;
      const values: [string, string][] = [];
      for (const [index, { name, isPath, until }] of parts.entries()) {
        const isLast = index === parts.length - 1;
        const end = isLast ? (uri.endsWith(until) ? uri.length - until.length : -1) : uri.indexOf(until, at);
        if (end <= at) return undefined; // a variable is never empty
        const value = decoded(uri.slice(at, end), isPath);
        if (value === undefined) return undefined;
        values.push([name, value]);
        at = end + until.length;
      }
      return Object.fromEntries(values);
    },
  };
}

function decoded(text: string, isPath: boolean): string | undefined {
  if (!isPath && /[/?#]/.test(text)) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // a percent sign that stands for nothing
  }
}
