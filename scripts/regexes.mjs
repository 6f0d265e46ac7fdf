// Refuses regular expressions whose time grows faster than the text: peers choose what most of them are tried on.
//
// Each literal in packages/*/src and in the plugins of examples is judged by recheck, which finds polynomial growth from beginning anew at every place, too.
// How far a bounded repetition may go changes no growth, so long ones are shortened before, for speed. What was found
// linear is remembered in node_modules/.cache. What cannot be judged (it is made at run time, looks around, or refers back), or
// is only tried on short texts, says in the line before, in a comment that begins with "linear:", why it is.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { RegExpParser, visitRegExpAST } from "@eslint-community/regexpp";
import { parseSync, Visitor } from "oxc-parser";
import { check } from "recheck";

const root = join(import.meta.dirname, "..");
const CACHE = join(root, "node_modules/.cache/linear-regexes.json");
/** A bound beyond which a repetition counts as one without. */
const LARGE = 1_000;
/** Milliseconds for one judgement, which is a few seconds at most on an idle machine. */
const TIMEOUT = 120_000;
/** Judgements at once. */
const JOBS = 2;

/** Every regular expression of a source file that no comment speaks for; one that is made at run time has no source. */
export function regexesIn(text, file) {
  const found = [];
  const lines = text.split("\n");
  const lineOf = (offset) => text.slice(0, offset).split("\n").length;
  const add = (start, regex) => {
    const line = lineOf(start);
    if (!/^\s*\/\/ linear: \S/.test(lines[line - 2] ?? "")) found.push({ file, line, ...regex });
  };
  const made = ({ callee, start }) => {
    if (callee.name === "RegExp") add(start, {});
  };
  new Visitor({
    Literal: ({ regex, start }) => {
      if (regex) add(start, { source: regex.pattern, flags: regex.flags });
    },
    NewExpression: made,
    CallExpression: made,
  }).visit(parseSync(file, text).program);
  return found;
}

/** How the time of a regular expression may grow: `linear`, or what recheck says of it. */
export async function growthOf(source, flags) {
  const { pattern, isPlain } = simpler(source, flags);
  if (isPlain) return "linear";
  // A sticky one is tried at one place, like one that begins with "^".
  const sticky = flags.includes("y");
  const options = { checker: "automaton", timeout: TIMEOUT };
  const judged = await check(sticky ? `^(?:${pattern})` : pattern, flags.replace("y", ""), options);
  if (judged.status === "safe") return "linear";
  const attack = judged.attack ? `, such as on ${judged.attack.pattern}` : "";
  return `${judged.complexity?.summary ?? `unknown (${judged.error?.kind})`}${attack}`;
}

/** The same with short bounds. It is plain if nothing in it can grow faster than the text. */
function simpler(source, flags) {
  const tree = new RegExpParser().parsePattern(source, 0, source.length, {
    unicode: flags.includes("u"),
    unicodeSets: flags.includes("v"),
  });
  const cuts = [];
  const unbounded = [];
  visitRegExpAST(tree, {
    onQuantifierEnter(quantifier) {
      const { min, max, element, end, greedy } = quantifier;
      if (max > LARGE) unbounded.push(quantifier);
      if (min <= 1 && (max <= 2 || max > LARGE)) return;
      const to = max > LARGE ? "" : Math.min(max, 2);
      cuts.push([element.end, end, `{${Math.min(min, 1)},${to}}${greedy ? "" : "?"}`]);
    },
  });
  cuts.sort(([one], [other]) => other - one);
  const pattern = cuts.reduce((text, [from, to, shorter]) => text.slice(0, from) + shorter + text.slice(to), source);
  return { pattern, isPlain: unbounded.length === 0 || (unbounded.length === 1 && isAnchored(tree, flags) && isOnce(unbounded[0])) };
}

function isAnchored({ alternatives }, flags) {
  const [first] = alternatives[0].elements;
  return alternatives.length === 1 && first?.type === "Assertion" && first.kind === "start" && !flags.includes("m");
}

function isOnce({ parent }) {
  for (let around = parent; around; around = around.parent) if (around.type === "Quantifier" || around.type === "Assertion") return false;
  return true;
}

function remembered() {
  try {
    return new Set(JSON.parse(readFileSync(CACHE, "utf8")));
  } catch {
    return new Set();
  }
}

async function main() {
  const { version } = JSON.parse(readFileSync(join(root, "node_modules/recheck/package.json"), "utf8"));
  const files = readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name, "src"))
    .concat(["hooks", "plugins"].map((name) => join(root, "examples", name)))
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)))
    .filter((file) => file.endsWith(".ts"));
  const all = files.flatMap((file) => regexesIn(readFileSync(file, "utf8"), relative(root, file)));
  const known = remembered();
  const linear = new Set();
  const problems = [];
  const waiting = [...all];
  const judge = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { file, line, source, flags } = next;
      if (source === undefined) {
        problems.push(`${file}:${line} makes a regular expression; say before it in a comment why it is linear ("// linear: ...")`);
        continue;
      }
      const key = `${version} /${source}/${flags}`;
      const growth = known.has(key) || linear.has(key) ? "linear" : await growthOf(source, flags);
      if (growth === "linear") linear.add(key);
      else problems.push(`${file}:${line} /${source}/${flags} is not linear: ${growth}`);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, judge));
  mkdirSync(dirname(CACHE), { recursive: true });
  writeFileSync(CACHE, JSON.stringify([...linear]));
  for (const problem of problems) console.error(problem);
  console.log(`Checked ${all.length} regular expressions.${problems.length === 0 ? "" : ` ${problems.length} are refused.`}`);
  process.exit(problems.length === 0 ? 0 : 1); // recheck's process would be waited for
}

if (process.argv[1] === import.meta.filename) await main();
