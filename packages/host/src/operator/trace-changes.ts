import { briefText, isSecretName, REDACTED, redactLine } from "../redact.ts";
import { isObject } from "../wire/message.ts";

/** A place of a value that holds something else than before. What is not there is undefined, and so missing in JSON. */
export interface TraceEdit {
  /** Such as `arguments.path` or `content[0].text`; of a list of named things `tools[files__read].title`; "" is the whole. */
  readonly path: string;
  /** Without secrets; a text where it is long. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Places of one change that are told; how many values are compared for them, and how deep. */
const EDITS = 20;
const VALUES = 10_000;
const DEPTH = 32;
/** UTF-16 units that are shown of one value, and how many of them stand before the place where two texts differ. */
const SHOWN = 400;
const LEAD = 60;
/** UTF-16 units of a text that are looked through for that place. */
const TEXT = 64 * 1024;

/**
 * What differs between two values, place by place.
 * @returns the places, and whether there may be more of them than were looked at
 */
export function editsOf(before: unknown, after: unknown): { readonly edits: readonly TraceEdit[]; readonly isCut: boolean } {
  const comparison = new Comparison();
  comparison.compare("", before, after, 0, false);
  return comparison;
}

class Comparison {
  readonly edits: TraceEdit[] = [];
  isCut = false;
  #left = VALUES;

  /** @param isSecret what holds them has the name of a secret */
  compare(path: string, before: unknown, after: unknown, depth: number, isSecret: boolean): void {
    if (Object.is(before, after)) return;
    if (this.edits.length === EDITS || depth > DEPTH || this.#left-- <= 0) {
      this.isCut = true;
      return;
    }
    if (Array.isArray(before) && Array.isArray(after)) return this.#lists(path, before, after, depth, isSecret);
    if (!isObject(before) || !isObject(after)) return void this.edits.push({ path, ...shown(before, after, isSecret) });
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      this.compare(
        /^[\w$-]+$/.test(key) ? `${path}${path && "."}${key}` : `${path}[${JSON.stringify(key)}]`,
        before[key],
        after[key],
        depth + 1,
        isSecret || isSecretName(key),
      );
  }

  #lists(path: string, before: readonly unknown[], after: readonly unknown[], depth: number, isSecret: boolean): void {
    const [from, to] = [byName(before), byName(after)];
    if (!from || !to) {
      for (let index = 0; index < Math.max(before.length, after.length); index++)
        this.compare(`${path}[${index}]`, before[index], after[index], depth + 1, isSecret);
      return;
    }
    const { length } = this.edits;
    for (const name of new Set([...from.keys(), ...to.keys()]))
      this.compare(`${path}[${name}]`, from.get(name), to.get(name), depth + 1, isSecret);
    const [names, others] = [[...from.keys()], [...to.keys()]];
    // Nothing but the order is another.
    if (this.edits.length === length && names.some((name, index) => name !== others[index]))
      this.edits.push({ path, ...shown(names, others, isSecret) });
  }
}

/** Lists of what has names are compared by them: what is left out of one would else make all behind it another. */
function byName(list: readonly unknown[]): Map<string, unknown> | undefined {
  const named = new Map<string, unknown>();
  for (const item of list) {
    const name = isObject(item) ? (item.name ?? item.uri ?? item.uriTemplate) : undefined;
    if (typeof name !== "string" || named.has(name)) return undefined;
    named.set(name, item);
  }
  return named;
}

function shown(before: unknown, after: unknown, isSecret: boolean): Omit<TraceEdit, "path"> {
  if (!isSecret && typeof before === "string" && typeof after === "string") return shownTexts(before, after);
  return {
    ...(before !== undefined && { before: isSecret ? REDACTED : shownValue(before) }),
    ...(after !== undefined && { after: isSecret ? REDACTED : shownValue(after) }),
  };
}

function shownValue(value: unknown): unknown {
  const { clean } = redactLine({ clean: value });
  const json = typeof clean === "string" ? clean : (JSON.stringify(clean) ?? String(clean));
  return json.length <= SHOWN ? clean : `${json.slice(0, SHOWN)}...`;
}

/** The parts of two texts where they begin to differ. Secrets are taken out before anything is cut. */
function shownTexts(before: string, after: string): Omit<TraceEdit, "path"> {
  const [one, other] = [briefText(before, TEXT), briefText(after, TEXT)];
  let differs = 0;
  while (differs < one.length && one[differs] === other[differs]) differs++;
  const from = Math.max(one.length, other.length) <= SHOWN || differs <= LEAD ? 0 : differs - LEAD;
  const part = (text: string): string =>
    `${from > 0 ? "..." : ""}${text.slice(from, from + SHOWN)}${text.length > from + SHOWN ? "..." : ""}`;
  return { before: part(one), after: part(other) };
}
