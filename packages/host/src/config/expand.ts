import { placeOf } from "./parse.ts";
import { isSecret, rememberSecret } from "./secrets.ts";
import { inputVariable, type Reference, type Variables } from "./variables.ts";

type Path = readonly (string | number)[];

/** The parts of a config whose strings are expanded; elsewhere `${...}` has no meaning. */
const EXPANDED: ReadonlySet<string> = new Set(["mcpServers", "listen", "plugins"]);

/**
 * Replaces every `${...}` in a config. Values are inserted as they are, never expanded again.
 * @param problems gets one line for each reference that has no value
 */
export function expandConfig(config: unknown, variables: Variables, problems: string[]): unknown {
  if (!isRecord(config)) return config;
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, EXPANDED.has(key) ? expandValue(value, [key], variables, problems) : value]),
  );
}

function expandValue(value: unknown, path: Path, variables: Variables, problems: string[]): unknown {
  if (typeof value === "string") return expandText(value, path, variables, problems);
  if (Array.isArray(value)) return value.map((item, index) => expandValue(item, [...path, index], variables, problems));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expandValue(item, [...path, key], variables, problems)]));
}

function expandText(text: string, path: Path, variables: Variables, problems: string[]): string {
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
      problems.push(`${placeOf(path)}: "\${" is never closed; write "$\${" for these two characters themselves`);
      return text;
    }
    parts.push(resolveReference(text.slice(start + 2, end), path, variables, problems));
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

function resolveReference(body: string, path: Path, variables: Variables, problems: string[]): string {
  const place = placeOf(path);
  const { reference, otherwise } = parseReference(body);
  if (!reference) {
    problems.push(
      `${place}: "\${${body}}" is none of \${VAR}, \${VAR:-default}, \${env:VAR}, \${file:path}, \${input:id}; write "$\${" for a literal "\${"`,
    );
    return "";
  }
  try {
    const found = variables.find(reference);
    // As in a shell, a default also stands in for an empty value.
    if (found && (found.value !== "" || otherwise === undefined)) {
      if (found.secret || isSecret(path, reference.name, found.value)) rememberSecret(found.value);
      return found.value;
    }
  } catch (error) {
    problems.push(`${place}: ${(error as Error).message}`); // find throws nothing else
    return "";
  }
  if (otherwise !== undefined) return expandText(otherwise, path, variables, problems);
  const name = reference.kind === "input" ? inputVariable(reference.name) : reference.name;
  problems.push(`${place}: the variable ${name} is not set; set it, give a default as in \${${name}:-value}, or pass --set ${name}=...`);
  return "";
}

const FORM = /^(?:(env|file|input):)?([\s\S]*?)(?::-([\s\S]*))?$/;

function parseReference(body: string): { reference?: Reference; otherwise?: string | undefined } {
  const [, source, name = "", otherwise] = FORM.exec(body) ?? [];
  // A path may hold ":-", and a file that is missing is an error: there is no default for it.
  if (source === "file") return body.length > 5 ? { reference: { kind: "file", name: body.slice(5) } } : {};
  if (source === "input") return /^[\w.-]+$/.test(name) ? { reference: { kind: "input", name }, otherwise } : {};
  return /^[A-Za-z_]\w*$/.test(name) ? { reference: { kind: "variable", name }, otherwise } : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
