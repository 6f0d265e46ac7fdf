import { isPartOf, matcher } from "mcp-host";

/** What a kept result is the answer to. */
export interface Subject {
  readonly method: string;
  /** Where it came from. */
  readonly upstream: string;
  /** The exposed name of the tool or prompt, or the URI. */
  readonly name: string;
  /** What the upstream calls it. */
  readonly native: string;
  /** Of its arguments those that a rule compares, as canonical JSON. */
  readonly compared?: Readonly<Record<string, string>>;
}

/** Which results are dropped: those that fit everything that is given. It is plain JSON, since other hosts may have to do the same. */
export interface Drop {
  readonly upstream?: string;
  readonly methods?: readonly string[];
  /** A native URI: of itself, of what it is a part of, and of its parts. */
  readonly uri?: string;
  /** Globs of exposed names and URIs, or of `<upstream>:<native name>`. */
  readonly patterns?: readonly string[];
  /** Arguments that must be the same, as canonical JSON; a result that has none by this name is dropped all the same. */
  readonly same?: Readonly<Record<string, string>>;
}

type Matcher = ReturnType<typeof matcher>;

/** Those of rules, which are used again and again. */
const matchers = new WeakMap<readonly string[], Matcher>();

function matcherOf(patterns: readonly string[]): Matcher {
  let known = matchers.get(patterns);
  if (!known) matchers.set(patterns, (known = matcher(patterns)));
  return known;
}

/** Makes a test of what is dropped. */
export function dropper({ upstream, methods, uri, patterns, same }: Drop): (subject: Subject) => boolean {
  const matches = patterns && matcherOf(patterns);
  const wanted = same && Object.entries(same);
  return (subject) =>
    (upstream === undefined || subject.upstream === upstream) &&
    (methods === undefined || methods.includes(subject.method)) &&
    (uri === undefined || isPartOf(uri, subject.native) || isPartOf(subject.native, uri)) &&
    (wanted === undefined || wanted.every(([name, value]) => (subject.compared?.[name] ?? value) === value)) &&
    (matches === undefined || matches(subject));
}

/** What the lists of an upstream are about, by the notification that one of them changed. */
const LISTED: Readonly<Record<string, readonly string[]>> = {
  "notifications/tools/list_changed": ["tools/call"],
  "notifications/prompts/list_changed": ["prompts/get", "completion/complete"],
  "notifications/resources/list_changed": ["resources/read", "completion/complete"],
};

/** What a notification of an upstream makes old; undefined for most. */
export function dropOf(upstream: string, method: string, params: Readonly<Record<string, unknown>> | undefined): Drop | undefined {
  if (Object.hasOwn(LISTED, method)) return { upstream, methods: LISTED[method] as readonly string[] }; // it has it
  if (method !== "notifications/resources/updated") return undefined;
  return typeof params?.uri === "string"
    ? { upstream, methods: ["resources/read"], uri: params.uri }
    : { upstream, methods: ["resources/read"] };
}
