import type { Entry } from "./entry.ts";
import { globParts, matcher } from "./matcher.ts";

/** Encodings within encodings that are taken off. */
const LAYERS = 2;
const ENCODED = /(?:%[0-9A-Fa-f]{2})+/g;
/** Schemes in whose URIs a host follows, however many slashes there are (WHATWG URL). */
const WITH_HOST = /^(https?|wss?|ftp)$/;
const PORTS: Readonly<Record<string, string>> = { http: ":80", ws: ":80", https: ":443", wss: ":443", ftp: ":21" };

/**
 * A URI as a lenient server may read it: percent-decoded, without query, fragment and control characters, dot segments and
 * empty segments, with the scheme and the host in lower case, slashes for backslashes, one form of `file:`. It is for
 * comparing only: what is sent stays as the client wrote it.
 */
export function plainUri(uri: string): string {
  return joined(withoutTail(decoded(withoutTail(uri))));
}

function withoutTail(uri: string): string {
  const end = uri.search(/[?#]/);
  return end === -1 ? uri : uri.slice(0, end);
}

/** The forms in which a URI is compared besides as it is: an encoded question mark may be one of a name, or begin a query. */
function formsOf(uri: string): [string, string] {
  return [joined(decoded(withoutTail(uri))), plainUri(uri)];
}

/** The parameters of a URI's query, decoded: also of one whose question mark is encoded. */
function parametersOf(uri: string): string[] {
  const text = uri.replace(/#.*$/s, "");
  const [, query = ""] = /\?(.*)$/s.exec(text) ?? /\?(.*)$/s.exec(decoded(text)) ?? [];
  return query.split(/[&;]/).map((parameter) => decoded(parameter.replaceAll("+", " ")));
}

interface PlainGlob {
  readonly glob: string;
  /** Globs of parameters, each of which the query must have; undefined for a glob without a query. */
  readonly parameters: readonly string[] | undefined;
}

/** A glob of URIs in the form in which {@link plainUri} puts URIs; its wildcards stay. `?name=` begins a query, other question marks are wildcards. */
function plainGlob(glob: string): PlainGlob {
  const { upstream, native } = globParts(glob) ?? { upstream: undefined, native: glob };
  const [, path = native, query] = /^([^#]*?)\\?\?([^?/#]+=[^#]*)/s.exec(native) ?? [];
  const plain = joined(decoded(path.replace(/#.*$/s, ""), escaped), true);
  return {
    glob: upstream === undefined ? plain : `${upstream}:${plain}`,
    parameters: query?.split(/[&;]/).map((parameter) => decoded(parameter.replaceAll("+", " "), escaped)),
  };
}

/** Keeps what was encoded in a glob from being a wildcard. */
function escaped(text: string): string {
  return text.replaceAll("\\", "/").replace(/[*?[\]{}()!+@|]/g, "\\$&");
}

/** Without percent-encoding and without control characters, in one Unicode form. What encodes no character becomes U+FFFD. */
function decoded(text: string, made: (decoded: string) => string = (same) => same): string {
  let plain = text;
  for (let layer = 0; layer < LAYERS; layer++)
    plain = plain.replace(ENCODED, (bytes) => made(Buffer.from(bytes.replaceAll("%", ""), "hex").toString()));
  // Parsers of URLs skip control characters.
  return plain
    .replace(/\p{Cc}/gu, "")
    .trim()
    .normalize("NFC");
}

/** With its segments joined anew: none is empty, `.` or `..`. In a glob a backslash is no slash: it quotes a wildcard. */
function joined(text: string, isGlob = false): string {
  const slashed = isGlob ? text : text.replaceAll("\\", "/");
  const [begin = "", scheme = ""] = /^([A-Za-z*?][A-Za-z0-9+.*?-]*):/.exec(slashed) ?? [];
  let rest = slashed.slice(begin.length);
  let base = begin.toLowerCase();
  const authority = WITH_HOST.test(base.slice(0, -1)) ? /^\/*([^/]*)/.exec(rest) : begin === "" ? null : /^\/\/([^/]*)/.exec(rest);
  if (authority) {
    const port = PORTS[scheme.toLowerCase()];
    const host = (authority[1] as string).toLowerCase().replace(/^.*@/s, ""); // the group takes part in every match
    base += `//${port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host}`;
    rest = rest.slice(authority[0].length);
  }
  if (base === "file:" || base === "file://localhost") base = "file://";
  const kept: string[] = [];
  for (const segment of rest.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "." && segment !== "") kept.push(segment);
  }
  const root = base.includes("//") ? rest !== "" || base === "file://" : rest.startsWith("/");
  return base + (root ? "/" : "") + kept.join("/");
}

type Names = Pick<Entry, "name" | "upstream" | "native">;

/** A test of resources by globs of URIs. */
export interface UriTest {
  /** Whether some spelling of the URI fits some glob: for whatever forbids or takes out. */
  any(entry: Names): boolean;
  /** Whether the URI fits a glob as it is and in every other form: for whatever permits. */
  all(entry: Names): boolean;
}

/** Makes a test from globs as {@link matcher} takes them. A URI that no server lists was spelt by the client, so that other spellings of it count. */
export function uriMatcher(patterns: readonly string[]): UriTest {
  const globs = patterns.map((pattern) => {
    const { glob, parameters } = plainGlob(pattern);
    const asks = parameters?.map((parameter) => matcher([`=${parameter}`])) ?? []; // "=": what has a colon is no upstream:native
    const given = (uri: string): boolean => {
      if (asks.length === 0) return true;
      const all = parametersOf(uri).map((parameter) => ({ name: `=${parameter}`, upstream: "", native: "" }));
      return asks.every((ask) => all.some(ask));
    };
    return { exact: matcher([pattern]), near: matcher([pattern, glob]), given };
  });
  /** The same entry under each form of its URI, and of its name where that is another. */
  const readings = (entry: Names): Names[] => {
    const natives = formsOf(entry.native);
    const names = entry.name === entry.native ? natives : formsOf(entry.name);
    return natives.map((native, index) => ({ upstream: entry.upstream, native, name: names[index] as string })); // two of each
  };
  return {
    any(entry) {
      if (globs.some(({ exact }) => exact(entry))) return true;
      // A glob such as `secret/**` wants the slash that a folder ends in.
      const forms = readings(entry).flatMap((form) => [form, { ...form, name: `${form.name}/`, native: `${form.native}/` }]);
      return globs.some(({ near, given }) => forms.some(near) && given(entry.native));
    },
    all(entry) {
      const forms = readings(entry);
      return globs.some(({ exact, near, given }) => exact(entry) && forms.every(near) && given(entry.native));
    },
  };
}
