import { UsageError } from "../../operator/usage-error.ts";

/** What `add` says of a server. */
export interface EntryFlags {
  /** Behind `--`: the program and its arguments. */
  readonly words: readonly string[] | undefined;
  /** The arguments without a flag, behind the name. */
  readonly address: string | undefined;
  readonly url: string | undefined;
  readonly transport: string | undefined;
  /** `NAME=value` each. */
  readonly env: readonly string[];
  /** `Name: value` each. */
  readonly headers: readonly string[];
}

/** A server as a config writes it. */
export type ServerEntry =
  | { readonly command: string; readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>>; readonly cwd?: string }
  | { readonly type?: string; readonly url: string; readonly headers?: Readonly<Record<string, string>> };

/** The entry that a command line asks for. @throws UsageError */
export function entryOf(name: string, flags: EntryFlags): ServerEntry {
  const { words, transport, env, headers } = flags;
  const url = urlOf(name, flags);
  if (url !== undefined && words !== undefined) throw new UsageError("a server has either a URL or a program behind --; give one of them");
  if (url !== undefined) {
    if (transport === "stdio") throw new UsageError(`--transport stdio: is for a program; write \`add ${name} -- <command>\``);
    if (env.length > 0) throw new UsageError("--env: is for a program that the host starts; a server with a URL takes --header");
    return {
      ...(transport !== undefined && { type: transport }),
      url,
      ...(headers.length > 0 && { headers: headersOf(headers) }),
    };
  }
  const [command, ...args] = words ?? [];
  if (command === undefined || command === "")
    throw new UsageError(
      `\`add\` needs what the server is: \`add ${name} -- <command>\`, or \`add ${name} --url <url>\`; \`mcp-host search ${name}\` looks in the registry`,
    );
  if (transport !== undefined && transport !== "stdio") throw new UsageError(`--transport ${transport}: is for a URL; give it with --url`);
  if (headers.length > 0) throw new UsageError("--header: is for a server with a URL; a program takes --env");
  return {
    command,
    ...(args.length > 0 && { args }),
    ...(env.length > 0 && { env: variablesOf(env) }),
  };
}

function urlOf(name: string, { url, address, words }: EntryFlags): string | undefined {
  if (address === undefined) return url;
  if (url !== undefined) throw new UsageError(`"${address}" and --url say different things; give one of them`);
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(address)) return address;
  const behind = [address, ...(words ?? [])].join(" ");
  throw new UsageError(`"${address}" is no URL; a program stands behind --: \`add ${name} -- ${behind}\``);
}

/** `--env` as pairs. @throws UsageError */
export function variablesOf(env: readonly string[]): Record<string, string> {
  return pairs("--env", env, VARIABLE, "NAME=value");
}

/** `--header` as pairs. @throws UsageError */
export function headersOf(headers: readonly string[]): Record<string, string> {
  return pairs("--header", headers, HEADER, "Name: value");
}

const VARIABLE = /^([A-Za-z_]\w*)=(.*)$/s;
const HEADER = /^([^:\s]+):[ \t]*(.*)$/s;

function pairs(flag: string, given: readonly string[], form: RegExp, meant: string): Record<string, string> {
  const named = new Map<string, string>();
  for (const text of given) {
    const [, name, value] = form.exec(text) ?? [];
    // What is wrong with it may be a secret.
    if (name === undefined || value === undefined) throw new UsageError(`${flag}: must be ${flag} "${meant}"`);
    if (named.has(name)) throw new UsageError(`${flag}: ${name} is given twice; give it once`);
    named.set(name, value);
  }
  return Object.fromEntries(named);
}
