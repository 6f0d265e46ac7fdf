/** What is written as it is: a number that JavaScript would write otherwise, a reference, a table's name. */
export class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON, in which some values are written as they are. */
export type Node = string | number | boolean | null | Raw | readonly Node[] | { readonly [key: string]: Node };

export type Fields = { readonly [key: string]: Node };

/** JSON that was read. */
export interface Document {
  readonly value: Node;
  /** The text without blanks between its values, which nothing else was done to. */
  readonly minified: string;
}

/** Marks a number that is kept as its text, while `JSON.parse` has it. No JSON that holds it is read. */
const KEPT = "\uE000";
const ESCAPED = /\\u[eE]000/;
/** Nested deeper, it is left alone. */
const DEPTH = 100;
const NUMBER = new Set("0123456789+-.eE");

export function isFields(value: Node | undefined): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Raw);
}

/** The text without blanks, and with the numbers that JavaScript would change as texts that say so; undefined where it nests too deep. */
function scanned(text: string): { minified: string; kept: string; keys: number } | undefined {
  const parts: string[] = [];
  const kept: string[] = [];
  let keys = 0;
  let depth = 0;
  let at = 0;
  const put = (part: string, instead = part): void => {
    parts.push(part);
    kept.push(instead);
  };
  while (at < text.length) {
    const start = at;
    const character = text[at] as string;
    if (character === '"') {
      at++;
      while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
      at++;
      put(text.slice(start, at));
    } else if (character === " " || character === "\n" || character === "\r" || character === "\t") at++;
    else if (character === "-" || (character >= "0" && character <= "9")) {
      while (at < text.length && NUMBER.has(text[at] as string)) at++;
      const number = text.slice(start, at);
      put(number, String(Number(number)) === number ? number : `"${KEPT}${number}"`);
    } else {
      if (character === ":") keys++;
      if (character === "{" || character === "[") depth++;
      if (character === "}" || character === "]") depth--;
      if (depth > DEPTH) return undefined;
      at++;
      put(character);
    }
  }
  return { minified: parts.join(""), kept: kept.join(""), keys };
}

/** Reads an object or a list, so that nothing of it is lost: not the digits of long numbers, nor keys that come twice. Undefined for everything else. */
export function readJson(text: string): Document | undefined {
  const begin = /^\s*([[{])/.exec(text);
  if (!begin || text.includes(KEPT) || ESCAPED.test(text)) return undefined;
  const found = scanned(text);
  if (!found) return undefined;
  try {
    JSON.parse(found.minified);
    const value = revived(JSON.parse(found.kept) as Node);
    // Of two keys of one name only the second would be left.
    return keysOf(value) === found.keys ? { value, minified: found.minified } : undefined;
  } catch {
    return undefined;
  }
}

function revived(value: Node): Node {
  if (typeof value === "string") return value.startsWith(KEPT) ? new Raw(value.slice(1)) : value;
  if (Array.isArray(value)) return value.map(revived);
  return isFields(value) ? mapped(value, revived) : value;
}

/** The same keys with other values, `__proto__` included. */
export function mapped(fields: Fields, map: (value: Node, key: string) => Node): Fields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, map(value, key)]));
}

function keysOf(value: Node): number {
  if (Array.isArray(value)) return value.reduce((sum: number, each: Node) => sum + keysOf(each), 0);
  if (!isFields(value)) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + 1 + keysOf(each), 0);
}

/** JSON without blanks; what is raw as it is. */
export function written(value: Node): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (isFields(value))
    return `{${Object.entries(value)
      .map(([key, each]) => `${JSON.stringify(key)}:${written(each)}`)
      .join(",")}}`;
  return JSON.stringify(value);
}
