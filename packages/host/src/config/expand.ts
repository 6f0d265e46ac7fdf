import { registerSecret } from "../redact.ts";
import { placeOf } from "./parse.ts";
import { isPlain, isPlainObject } from "./plain.ts";
import { isPlugin } from "./plugin-brand.ts";
import { isSecret, rememberSecret } from "./secrets.ts";
import { inputVariable, type Reference, type Variables } from "./variables.ts";

type Path = readonly (string | number)[];

/** The parts of a config whose strings are expanded; elsewhere `${...}` has no meaning. */
const EXPANDED: ReadonlySet<string> = new Set(["mcpServers", "listen", "plugins"]);

/** One reference of a config, and what became of it. */
export interface Use {
  readonly path: Path;
  /** `variable`, `input`, `file`, or the word of what a plugin brings. */
  readonly kind: string;
  /** As the config writes it: of an input its id. */
  readonly id: string;
  /** The name of the variable, or the path of the file. */
  readonly name: string;
  /** Where its value came from; undefined where it has none. */
  readonly source: string | undefined;
  readonly secret: boolean;
  /** The problem that was told, where the value is not there: nobody set it, or the file cannot be used. */
  readonly missing?: string;
}

interface Expansion {
  readonly variables: Variables;
  readonly problems: string[];
  readonly uses: Use[];
}

/**
 * Replaces every `${...}` in a config. Values are inserted as they are, never expanded again.
 * @param problems gets one line for each reference that has no value
 * @param uses gets every reference
 */
export function expandConfig(config: unknown, variables: Variables, problems: string[], uses: Use[] = []): unknown {
  if (!isPlainObject(config)) return config;
  const expansion = { variables, problems, uses };
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, EXPANDED.has(key) ? expandValue(value, [key], expansion) : value]),
  );
}

/** Replaces every `${...}` in one value of a config. */
export function expandValue(value: unknown, path: Path, expansion: Expansion): unknown {
  if (typeof value === "string") return expandText(value, path, expansion);
  if (Array.isArray(value)) return value.map((item, index) => expandValue(item, [...path, index], expansion));
  // A plugin made in a config in code has its options as they are written there.
  if (isPlugin(value)) return { ...value, input: expandValue(value.input, [...path, "options"], expansion) };
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expandValue(item, [...path, key], expansion)]));
}

/** The names of all variables that a value refers to, within defaults too. */
export function namesIn(value: unknown): string[] {
  if (typeof value === "string") return [...value.matchAll(/\$\{(?:env:)?([A-Za-z_]\w*)/g)].map(([, name = ""]) => name);
  if (isPlugin(value)) return namesIn(value.input);
  return isPlain(value) ? Object.values(value).flatMap(namesIn) : [];
}

function expandText(text: string, path: Path, expansion: Expansion): string {
  const parts: string[] = [];
  let rest = 0;
  for (let start = text.indexOf("${"); start !== -1; start = text.indexOf("${", rest)) {
    if (text[start - 1] === "$" && start - 1 >= rest) {
      parts.push(text.slice(rest, start - 1), "${");
      rest = start + 2;
      continue;
    }
    parts.push(text.slice(rest, start));
    const end = closing(text, start + 2);
    if (end === -1) {
      expansion.problems.push(`${placeOf(path)}: "\${" is never closed; write "$\${" for these two characters themselves`);
      return text;
    }
    parts.push(resolveReference(text.slice(start + 2, end), path, expansion));
    rest = end + 1;
  }
  parts.push(text.slice(rest));
  return parts.join("");
}

/** The `}` that closes a reference; a default may hold references of its own. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let index = from; index < text.length; index++) {
    if (text.startsWith("${", index)) depth++;
    else if (text[index] === "}" && --depth === 0) return index;
  }
  return -1;
}

function resolveReference(body: string, path: Path, expansion: Expansion): string {
  const { variables, problems, uses } = expansion;
  const place = placeOf(path);
  const { reference, otherwise } = parseReference(body);
  if (!reference) {
    problems.push(noReference(body, place));
    return "";
  }
  if (reference.kind === "brought") return resolveBrought(reference, body, otherwise, path, expansion);
  const name = reference.kind === "input" ? inputVariable(reference.name) : reference.name;
  const use = (source: string | undefined, secret = false): void =>
    void uses.push({ path, kind: reference.kind, id: reference.name, name, source, secret });
  const lacks = (missing: string): void => {
    problems.push(missing);
    uses.push({ path, kind: reference.kind, id: reference.name, name, source: undefined, secret: false, missing });
  };
  try {
    const found = variables.find(reference);
    // As in a shell, a default also stands in for an empty value.
    if (found && (found.value !== "" || otherwise === undefined)) {
      const secret = found.secret || isSecret(path, reference.name, found.value);
      if (secret) rememberSecret(found.value);
      use(found.source, secret);
      return found.value;
    }
  } catch (error) {
    const problem = `${place}: ${(error as Error).message}`; // find throws nothing else
    if (reference.kind === "file") lacks(problem);
    else {
      problems.push(problem); // the credentials file, which is everybody's
      use(undefined);
    }
    return "";
  }
  if (otherwise === undefined) {
    lacks(`${place}: the variable ${name} is not set; set it, give a default as in \${${name}:-value}, or pass --set ${name}=...`);
    return "";
  }
  use("default");
  return expandText(otherwise, path, expansion);
}

function noReference(body: string, place: string, word?: string): string {
  const stock = word === "secret" || word === "cmd" ? " (add @host/plugin-vault)" : "";
  const nobody =
    word === undefined
      ? ""
      : `, and no plugin of the config brings \${${word}:...}${stock}; one that does has no such reference in its own options`;
  return `${place}: "\${${body}}" is none of \${VAR}, \${VAR:-default}, \${env:VAR}, \${file:path}, \${input:id}${nobody}; write "$\${" for a literal "\${"`;
}

/** What a plugin says of a value. A default stands in for one that is not there, and not for one that cannot be told. */
function resolveBrought(
  { word, name }: Extract<Reference, { kind: "brought" }>,
  body: string,
  otherwise: string | undefined,
  path: Path,
  expansion: Expansion,
): string {
  const { variables, problems, uses } = expansion;
  const said = variables.brought(word, name);
  const use = (source: string | undefined, missing?: string): void =>
    void uses.push({ path, kind: word, id: name, name, source, secret: source !== "default", ...(missing !== undefined && { missing }) });
  if (said && "value" in said && (said.value !== "" || otherwise === undefined)) {
    // As it is, and each of its lines: its words may be words.
    for (const secret of new Set([said.value, ...said.value.split(/\r?\n/)])) registerSecret(secret);
    use(word);
    return said.value;
  }
  if (said && "failed" in said) {
    const problem = `${placeOf(path)}: ${said.failed}`;
    problems.push(problem);
    use(undefined, problem);
    return "";
  }
  if (!said) {
    problems.push(noReference(body, placeOf(path), word));
    use(undefined);
    return otherwise === undefined ? "" : expandText(otherwise, path, expansion);
  }
  if (otherwise !== undefined) {
    use("default");
    return expandText(otherwise, path, expansion);
  }
  const problem = `${placeOf(path)}: ${"unset" in said ? said.unset : ""}`;
  problems.push(problem);
  use(undefined, problem);
  return "";
}

const FORM = /^(?:(env|file|input):)?([\s\S]*?)(?::-([\s\S]*))?$/;

function parseReference(body: string): { reference?: Reference; otherwise?: string | undefined } {
  const [, word] = /^([a-z][a-z\d-]{0,31}):(?!-)/.exec(body) ?? [];
  if (word !== undefined && word !== "env" && word !== "file" && word !== "input") return parseBrought(word, body.slice(word.length + 1));
  const [, source, name = "", otherwise] = FORM.exec(body) ?? [];
  // A path may hold ":-", and a file that is missing is an error: there is no default for it.
  if (source === "file") return body.length > 5 ? { reference: { kind: "file", name: body.slice(5) } } : {};
  if (source === "input") return /^[\w.-]+$/.test(name) ? { reference: { kind: "input", name }, otherwise } : {};
  return /^[A-Za-z_]\w*$/.test(name) ? { reference: { kind: "variable", name }, otherwise } : {};
}

function parseBrought(word: string, rest: string): { reference?: Reference; otherwise?: string | undefined } {
  const end = rest.indexOf(":-");
  const name = end === -1 ? rest : rest.slice(0, end);
  return name === "" ? {} : { reference: { kind: "brought", word, name }, otherwise: end === -1 ? undefined : rest.slice(end + 2) };
}
