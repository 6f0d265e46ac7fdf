import { type Fields, isFields, mapped, type Node, Raw, written } from "./json.ts";

/** What is shorter costs as much as a reference to it. */
const LEAST = 60;
/** So often at least it must be there. */
const TIMES = 2;

/** A document in which what is said several times is said once. */
export interface Factored {
  readonly value: Node;
  /** What is said once, by name. */
  readonly once: readonly (readonly [name: string, value: Node])[];
}

/** Takes out objects, lists and long texts that are there more than once. Undefined where there are none. */
export function factored(value: Node): Factored | undefined {
  const counts = new Map<string, number>();
  const texts = new WeakMap<object, string>();
  const count = (each: Node): string => {
    const text = textOf(each, count);
    if (typeof each === "object" && each !== null) texts.set(each, text);
    if (text.length >= LEAST && isFactorable(each)) counts.set(text, (counts.get(text) ?? 0) + 1);
    return text;
  };
  count(value);
  const names = new Map<string, Raw>();
  const once: (readonly [string, Node])[] = [];
  const replace = (each: Node): Node => {
    if (!isFactorable(each)) return each;
    const text = typeof each === "string" ? JSON.stringify(each) : (texts.get(each as object) as string); // counted above
    if ((counts.get(text) ?? 0) < TIMES) return within(each, replace);
    const known = names.get(text);
    if (known) return known;
    const name = new Raw(`<same ${names.size + 1}>`);
    names.set(text, name);
    once.push([name.text, each]); // whole: what is in it is not looked at again
    return name;
  };
  const result = within(value, replace);
  return once.length === 0 ? undefined : { value: result, once };
}

function isFactorable(each: Node): boolean {
  return typeof each === "string" || Array.isArray(each) || isFields(each);
}

function within(each: Node, map: (value: Node) => Node): Node {
  if (Array.isArray(each)) return each.map(map);
  return isFields(each) ? mapped(each as Fields, map) : each;
}

/** What {@link written} gives, of parts that were written already. */
function textOf(each: Node, part: (value: Node) => string): string {
  if (Array.isArray(each)) return `[${each.map(part).join(",")}]`;
  if (!isFields(each)) return written(each);
  return `{${Object.entries(each)
    .map(([key, value]) => `${JSON.stringify(key)}:${part(value)}`)
    .join(",")}}`;
}
