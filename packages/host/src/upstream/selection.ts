import type { Selected } from "../config/server-schema.ts";
import { type EntryKind, LISTED_KINDS, type ListedKind } from "../exchange/entry.ts";
import { glob } from "../exchange/glob.ts";
import { uriMatcher } from "../exchange/uri-matcher.ts";

type Part = "tools" | "prompts" | "resources";

/** Which part of a server's entry in the config chooses among each kind. */
const PARTS: Readonly<Record<ListedKind, Part>> = { tool: "tools", prompt: "prompts", resource: "resources", template: "resources" };

/** A variable of a URI template: alone (`{id}`, `{+path}`), or those of a query. Other braces hold a glob's alternatives. */
const VARIABLE = /\{[^{},]*\}|\{[?&][^{}]*\}/g;

type Test = (kind: ListedKind, native: string) => boolean;

/** A glob of the config over native names. */
interface Pattern {
  readonly place: string;
  readonly glob: string;
  /** Whether it fits some spelling of a name: for what is left out. */
  readonly any: Test;
  /** Whether it fits every spelling of a name: for what is taken. */
  readonly all: Test;
  /** Whether it fitted something that the server listed, or was told of as one that does not. */
  isSettled: boolean;
}

/** What the config takes of one kind of a server's entries. */
interface Choice {
  readonly include: readonly Pattern[] | undefined;
  readonly exclude: readonly Pattern[];
}

/**
 * What the config takes of a server (`tools`, `prompts` and `resources` of its entry). What it leaves out is not there: it
 * is not listed, and a call of it is a call of an unknown name, also before anything was listed and of what never is.
 */
export class Selection {
  readonly #choices: Partial<Record<EntryKind, Choice>> = {};
  readonly #patterns: readonly Pattern[];

  /** @returns undefined where all is taken */
  static of(key: string, config: Partial<Record<Part, Selected | undefined>>): Selection | undefined {
    return config.tools || config.prompts || config.resources ? new Selection(key, config) : undefined;
  }

  private constructor(key: string, config: Partial<Record<Part, Selected | undefined>>) {
    const all: Pattern[] = [];
    const made: Partial<Record<Part, Choice>> = {};
    for (const part of new Set(Object.values(PARTS))) {
      const { include, exclude = [] } = config[part] ?? {};
      const patterns = (list: "include" | "exclude", globs: readonly string[]): Pattern[] =>
        globs.map((text, index) => patternOf(key, part, text, `mcpServers.${key}.${part}.${list}[${index}]`));
      const choice = { include: include && patterns("include", include), exclude: patterns("exclude", exclude) };
      all.push(...(choice.include ?? []), ...choice.exclude);
      if (config[part]) made[part] = choice;
    }
    for (const kind of LISTED_KINDS) this.#choices[kind] = made[PARTS[kind]];
    this.#patterns = all;
  }

  /** Whether the config takes it. A native name stands for itself, whether or not the server lists it. */
  takes(kind: EntryKind, native: string): boolean {
    const choice = this.#choices[kind];
    if (!choice) return true;
    const listed = kind as ListedKind; // only these have choices
    return !choice.exclude.some(({ any }) => any(listed, native)) && (choice.include?.some(({ all }) => all(listed, native)) ?? true);
  }

  /** Whether the config takes what the server lists; remembers which globs that fits. */
  takesListed(kind: ListedKind, native: string): boolean {
    const { include = [], exclude = [] } = this.#choices[kind] ?? {};
    // Whoever has templates has more than it lists.
    for (const pattern of [...include, ...exclude]) pattern.isSettled ||= kind === "template" || pattern.any(kind, native);
    return this.takes(kind, native);
  }

  /** The globs that fitted nothing so far, each once. To be asked when all lists were read. */
  unsettled(): readonly Pick<Pattern, "place" | "glob">[] {
    const left = this.#patterns.filter(({ isSettled }) => !isSettled);
    for (const pattern of left) pattern.isSettled = true;
    return left;
  }
}

function patternOf(key: string, part: Part, text: string, place: string): Pattern {
  if (part !== "resources") {
    const fits = glob(text);
    const test: Test = (_kind, native) => fits(native);
    return { place, glob: text, any: test, all: test, isSettled: false };
  }
  const open = text.replace(VARIABLE, "*");
  const ofTemplates = glob(open);
  // Of this upstream, so that what stands before a colon is no upstream's name.
  const ofUris = uriMatcher([`${key}:${open}`]);
  const test =
    (how: "any" | "all"): Test =>
    (kind, native) =>
      kind === "template" ? ofTemplates(native) : ofUris[how]({ name: native, upstream: key, native });
  return { place, glob: text, any: test("any"), all: test("all"), isSettled: false };
}
