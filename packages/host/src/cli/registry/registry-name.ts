/** A server of a registry, as `add` is told of it. */
export interface RegistryName {
  readonly name: string;
  /** Undefined: the newest. */
  readonly version: string | undefined;
}

/** One slash, and before it a dot, as names have that begin with a domain backwards. */
const FORM = /^([a-z\d-]+(?:\.[a-z\d-]+)+\/[\w.-]+)(?:@([^\s@/]+))?$/i;

/** What a word names in a registry: `io.github.owner/server`, with `@version` or without; undefined where it has another form. */
export function registryName(word: string): RegistryName | undefined {
  const [, name, version] = word.length <= 500 ? (FORM.exec(word) ?? []) : [];
  return name === undefined ? undefined : { name, version: version === "latest" ? undefined : version };
}
