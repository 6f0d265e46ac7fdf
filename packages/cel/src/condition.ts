import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import type { Facts } from "./facts.ts";

/** A compiled condition. */
export interface Condition {
  /** Whether it speaks of the call (arguments, method) and so can be decided only there. */
  readonly ofCall: boolean;
  /** The claims that it reads. */
  readonly claims: readonly string[];
  /** @throws where it cannot be decided: a missing field, a wrong type, too much to look through */
  holds(facts: Facts): boolean;
}

const LONGEST = 2_000;
const MACROS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "map", "filter"]);
const OF_CALL: ReadonlySet<string> = new Set(["arguments", "method"]);
/** Values and characters that a macro may run over: a caller chooses the arguments, and with them the cost. */
const MACRO_WEIGHT = 16_384;
const VALUE_WEIGHT = 64;

const environment = new Environment({ unlistedVariablesAreDyn: false, limits: { maxAstNodes: 500, maxDepth: 32, maxListElements: 200 } })
  .registerVariable("arguments", "map")
  .registerVariable("claims", "map")
  .registerVariable("roles", "list<string>")
  .registerVariable("principal", "string")
  .registerVariable("name", "string")
  .registerVariable("server", "string")
  .registerVariable("kind", "string")
  .registerVariable("method", "string");

/** Compiles a CEL expression. @throws Error that says what is wrong with it */
export function compile(source: string): Condition {
  if (source.length > LONGEST) throw new Error(`is longer than ${LONGEST} characters`);
  const run = parsed(source);
  const seen: Seen = { claims: new Set(), ofCall: false, macros: false };
  inspect(run.ast, seen, false);
  const { ofCall, macros } = seen;
  return {
    ofCall,
    claims: [...seen.claims],
    holds(facts) {
      if (macros && weigh(facts.arguments, MACRO_WEIGHT) < 0) throw new Error("the arguments are too large for this condition");
      const value: unknown = run(facts);
      if (typeof value !== "boolean") throw new Error(`the condition gave ${typeof value} instead of true or false`);
      return value;
    },
  };
}

function parsed(source: string): ReturnType<typeof environment.parse> {
  let run: ReturnType<typeof environment.parse>;
  try {
    run = environment.parse(source);
  } catch (error) {
    throw new Error(`is no CEL expression: ${firstLine(error)}`);
  }
  const { valid, type = "dyn", error } = run.check();
  if (!valid) throw new Error(`is no valid CEL expression: ${firstLine(error)}`);
  if (type !== "bool" && type !== "dyn") throw new Error(`must give true or false, not ${type}`);
  return run;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] as string; // split gives at least one part
}

interface Seen {
  readonly claims: Set<string>;
  ofCall: boolean;
  macros: boolean;
}

/** Looks through an expression for what it reads, and refuses what would make its cost the caller's choice. */
function inspect(node: ASTNode, seen: Seen, inMacro: boolean): void {
  const claim = claimOf(node);
  if (claim !== undefined) {
    seen.claims.add(claim);
    return;
  }
  if (node.op === "id") {
    if (node.args === "claims") throw new Error('must name each claim that it reads, as in claims.team or claims["team"]');
    if (OF_CALL.has(node.args)) seen.ofCall = true;
    return;
  }
  if (node.op === "rcall") {
    const [name, receiver, args] = node.args;
    if (name === "matches") throw new Error("may not use matches(), which can take for ever; use startsWith, endsWith, contains or ==");
    if (name === "bind") throw new Error("may not use cel.bind(), whose cost has no bound");
    const macro = MACROS.has(name);
    if (macro && inMacro) throw new Error(`may not use ${name}() within another such macro, since the cost would have no bound`);
    seen.macros ||= macro;
    inspect(receiver, seen, inMacro);
    for (const arg of args) inspect(arg, seen, inMacro || macro);
    return;
  }
  for (const child of childrenOf(node)) inspect(child, seen, inMacro);
}

/** The claim that a node reads: `claims.team` or `claims["team"]`. */
function claimOf(node: ASTNode): string | undefined {
  if (node.op === "." || node.op === ".?") return node.args[0].op === "id" && node.args[0].args === "claims" ? node.args[1] : undefined;
  if (node.op !== "[]" && node.op !== "[?]") return undefined;
  const [from, key] = node.args;
  return from.op === "id" && from.args === "claims" && key.op === "value" && typeof key.args === "string" ? key.args : undefined;
}

/** Every node right below another: arguments come single, in lists and in pairs. */
function childrenOf(node: ASTNode): ASTNode[] {
  const found: ASTNode[] = [];
  const collect = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) collect(item);
    else if (typeof value === "object" && value !== null && "op" in value && "args" in value) found.push(value as ASTNode); // only nodes have both
  };
  collect(node.args);
  return found;
}

/** What is left of a weight when a value was put on it; below zero as soon as it is too heavy. */
function weigh(value: unknown, left: number): number {
  if (typeof value === "string") return left - VALUE_WEIGHT - value.length;
  let rest = left - VALUE_WEIGHT;
  if (typeof value !== "object" || value === null) return rest;
  for (const [key, item] of Object.entries(value)) {
    rest = weigh(item, rest - key.length);
    if (rest < 0) return rest;
  }
  return rest;
}
