import { ConfigError } from "../errors.ts";

/** UTF-16 units of a glob. A match costs at most the length of the glob times that of the text, and clients choose the text. */
const LONGEST = 1_000;

/**
 * A test of whole texts by a glob: `*` (or `**`) stands for any text, `?` for one UTF-16 unit, `[abc]`, `[a-z]` and `[!a-z]`
 * for one of these or of the others, `{a,b}` and `(a|b)` for one of the alternatives, which may be globs; `\` takes a
 * meaning away. What has no meaning stands for itself: a bracket without its partner, braces without a comma,
 * parentheses without a `|`. Every text fits the glob that is spelt like it.
 *
 * The time is linear in the text: regular expressions that others make of globs backtrack, and a client that sends a long
 * URI would stall the host.
 * @throws ConfigError for a glob of more than 1,000 UTF-16 units
 */
export function glob(pattern: string): (text: string) => boolean {
  if (pattern.length > LONGEST)
    throw new ConfigError([`the glob "${pattern.slice(0, 64)}..." is longer than ${LONGEST} characters; make several of it`]);
  const plain = /[?[\]{}()\\]/.test(pattern) ? undefined : pattern.split(/\*+/);
  if (plain) return inOrder(plain);
  const automaton = new Automaton(new GlobReader(pattern).program);
  return (text) => text === pattern || automaton.fits(text);
}

/** A test of texts that consist of these parts, in this order, with anything in between. */
export function inOrder(parts: readonly string[]): (text: string) => boolean {
  const [first = "", ...between] = parts;
  const last = between.pop();
  if (last === undefined) return (text) => text === first;
  return (text) => {
    const end = text.length - last.length;
    let at = first.length;
    if (at > end || !text.startsWith(first) || !text.endsWith(last)) return false;
    for (const part of between) {
      const found = text.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= end;
  };
}

/** One step of a program: goes on after a unit that fits, stays for any unit, or goes on to several places without one. */
type Step = ((unit: number) => boolean) | typeof STAY | number[];

const STAY = "stay";

/** A set of places in a program where a text may have come to, and where each unit leads from there, as far as that was asked. */
interface Node {
  readonly places: readonly number[];
  readonly next: Map<number, Node>;
}

/** Ways between nodes that are kept: names and URIs are much alike, so that most units cost one look-up. */
const KEPT = 2_000;

/** Whether a text takes a program from its first step to past its last one. All ways are followed at once, unit by unit. */
class Automaton {
  readonly #program: readonly Step[];
  /** The round in which each place was reached last. */
  readonly #reached: number[];
  #round = 0;
  #start: Node | undefined;
  readonly #nodes = new Map<string, Node>();
  #kept = 0;

  constructor(program: readonly Step[]) {
    this.#program = program;
    this.#reached = new Array<number>(program.length + 1).fill(0);
  }

  fits(text: string): boolean {
    this.#start ??= this.#node([0]);
    let node = this.#start;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      node = node.next.get(unit) ?? this.#step(node, unit);
      if (node.places.length === 0) return false;
    }
    return node.places.includes(this.#program.length);
  }

  #step(node: Node, unit: number): Node {
    const to: number[] = [];
    for (const place of node.places) {
      const step = this.#program[place];
      if (step === STAY) to.push(place);
      else if (typeof step === "function" && step(unit)) to.push(place + 1);
    }
    const next = this.#node(to);
    node.next.set(unit, next);
    return next;
  }

  /** The node of these places and of all that are reached from them without a unit. */
  #node(from: readonly number[]): Node {
    if (++this.#kept > KEPT) {
      this.#kept = 0;
      this.#start = undefined;
      this.#nodes.clear();
    }
    const places: number[] = [];
    this.#round++;
    const reach = (place: number): void => {
      if (this.#reached[place] === this.#round) return;
      this.#reached[place] = this.#round;
      const step = this.#program[place];
      if (Array.isArray(step)) for (const each of step) reach(each);
      else places.push(place);
      if (step === STAY) reach(place + 1);
    };
    for (const place of from) reach(place);
    const key = places.join();
    let node = this.#nodes.get(key);
    if (!node) this.#nodes.set(key, (node = { places, next: new Map() }));
    return node;
  }
}

const CLOSING: Readonly<Record<string, string>> = { "{": "}", "(": ")" };
const SEPARATOR: Readonly<Record<string, string>> = { "{": ",", "(": "|" };

/** Reads a glob into a program. */
class GlobReader {
  readonly program: Step[] = [];
  readonly #pattern: string;
  /** Of each place that opens alternatives: the places that separate and end them. */
  readonly #groups: ReadonlyMap<number, readonly number[]>;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#groups = groupsOf(pattern);
    this.#read(0, pattern.length);
  }

  #read(from: number, to: number): void {
    for (let at = from; at < to; ) at = this.#one(at);
  }

  /** Reads what stands at a place. Gives where the next thing stands. */
  #one(at: number): number {
    const character = this.#pattern[at] as string; // within the pattern
    const group = this.#groups.get(at);
    if (group) return this.#alternatives(at, group);
    if (character === "[") {
      const end = classEnd(this.#pattern, at);
      if (end !== undefined) return this.#class(at, end);
    }
    if (character === "*") this.program.push(STAY);
    else if (character === "?") this.program.push(() => true);
    else if (character === "\\" && at + 1 < this.#pattern.length) {
      this.#text(at + 1, at + 2);
      return at + 2;
    } else this.#text(at, at + 1);
    return at + 1;
  }

  #text(from: number, to: number): void {
    for (let at = from; at < to; at++) {
      const wanted = this.#pattern.charCodeAt(at);
      this.program.push((unit) => unit === wanted);
    }
  }

  #alternatives(open: number, ends: readonly number[]): number {
    let from = open + 1;
    this.#either(
      ends.map((end) => () => {
        this.#read(from, end);
        from = end + 1;
      }),
    );
    return from;
  }

  /** Goes one of several ways, which meet again. */
  #either(ways: readonly (() => void)[]): void {
    const fork: number[] = [];
    this.program.push(fork);
    const exits = ways.map((way) => {
      fork.push(this.program.length);
      way();
      const exit: number[] = [];
      this.program.push(exit);
      return exit;
    });
    for (const exit of exits) exit.push(this.program.length);
  }

  #class(open: number, end: number): number {
    const { members, isNegated, isPlain } = classOf(this.#pattern, open, end);
    const has = (unit: number): boolean => members.some(([first, last]) => first <= unit && unit <= last) !== isNegated;
    // So that a host of a URI may be written as it is: http://[::1]/*
    if (isPlain) this.#either([() => this.program.push(has), () => this.#text(open, end + 1)]);
    else this.program.push(has);
    return end + 1;
  }
}

/** Finds alternatives: what opens them, separates them, and closes them. */
function groupsOf(pattern: string): Map<number, readonly number[]> {
  const groups = new Map<number, readonly number[]>();
  const open: { readonly at: number; readonly kind: string; readonly separators: number[] }[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string; // within the pattern
    if (character === "\\") at++;
    else if (character === "[") at = classEnd(pattern, at) ?? at;
    else if (character in CLOSING) open.push({ at, kind: character, separators: [] });
    else if (open.some(({ kind }) => CLOSING[kind] === character)) {
      // What was opened inside and not closed stands for itself.
      let group = open.pop();
      while (group && CLOSING[group.kind] !== character) group = open.pop();
      if (group && group.separators.length > 0) groups.set(group.at, [...group.separators, at]);
    } else {
      const group = open.at(-1);
      if (group && SEPARATOR[group.kind] === character) group.separators.push(at);
    }
  }
  return groups;
}

/** Where a class that begins at a place ends; undefined where it does not. A bracket that closes right away is a member. */
function classEnd(pattern: string, open: number): number | undefined {
  const first = open + (isNegation(pattern[open + 1]) ? 2 : 1);
  for (let at = first; at < pattern.length; at++) {
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "]" && at > first) return at;
  }
  return undefined;
}

interface Class {
  /** Ranges of units. */
  readonly members: readonly (readonly [first: number, last: number])[];
  readonly isNegated: boolean;
  /** Neither negated nor with a range or a quoted member. */
  readonly isPlain: boolean;
}

function classOf(pattern: string, open: number, end: number): Class {
  const isNegated = isNegation(pattern[open + 1]);
  const members: [number, number][] = [];
  let isPlain = !isNegated;
  let at = open + (isNegated ? 2 : 1);
  const member = (): number => {
    if (pattern[at] === "\\") {
      isPlain = false;
      at++;
    }
    return pattern.charCodeAt(at++);
  };
  while (at < end) {
    const first = member();
    const isRange = pattern[at] === "-" && at + 1 < end;
    if (isRange) {
      isPlain = false;
      at++;
    }
    members.push([first, isRange ? member() : first]);
  }
  return { members, isNegated, isPlain };
}

function isNegation(character: string | undefined): boolean {
  return character === "!" || character === "^";
}
