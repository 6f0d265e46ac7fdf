import { nearest } from "../../config/nearest.ts";
import { escapeControls } from "../../log.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { registerSecret } from "../../redact.ts";
import { clamped } from "../registry/clamped.ts";
import { checkedValue, type Question } from "./question.ts";
import type { Text } from "./written-text.ts";

/** What was answered, by the names of the questions; what is not in it has no value. */
export type Answers = ReadonlyMap<string, readonly Text[]>;

const LONGEST_DESCRIPTION = 300;
/** How often somebody is asked the same. */
const ATTEMPTS = 5;

/** The values of `--value NAME=value`, in order. @throws UsageError */
export function givenValues(flags: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const given = new Map<string, string[]>();
  for (const flag of flags) {
    const equals = flag.indexOf("=");
    if (equals < 1) throw new UsageError('--value: must be --value "NAME=value"'); // what is wrong with it may be a secret
    const name = flag.slice(0, equals);
    given.set(name, [...(given.get(name) ?? []), flag.slice(equals + 1)]);
  }
  return given;
}

/**
 * Answers questions by what the command line gives, by who is at the terminal, and by defaults.
 * @param asks whether somebody is there to be asked
 * @throws UsageError that names all that is missing or wrong
 */
export async function answersTo(
  source: string,
  questions: readonly Question[],
  given: ReadonlyMap<string, readonly string[]>,
  asks: boolean,
): Promise<Answers> {
  const names = questions.map(({ name }) => name);
  const problems = [...given.keys()]
    .filter((name) => !names.includes(name))
    .map((name) => {
      const there = names.length === 0 ? "; it asks for none" : `; it asks for ${names.join(", ")}`;
      return `--value ${name}: ${source} asks for no such value${nearest(name, names) || there}`;
    });
  const answers = new Map<string, readonly Text[]>();
  for (const question of questions) {
    const values = given.get(question.name);
    if (!values) continue;
    if (values.length > 1 && !question.isRepeated) problems.push(`--value ${question.name}: is given twice; give it once`);
    const checked = values.map((value) => tried(question, value));
    for (const each of checked) if ("problem" in each) problems.push(`--value ${question.name}: ${each.problem}`);
    answers.set(
      question.name,
      checked.flatMap((each) => ("value" in each ? [own(question, each.value)] : [])),
    );
  }
  const lacks = (question: Question): boolean => !answers.has(question.name) && question.isRequired && !question.standard;
  if (!asks)
    for (const question of questions.filter(lacks)) problems.push(`--value ${question.name}=...: is missing: ${describe(question)}`);
  if (problems.length > 0) throw new UsageError(problems.map(escapeControls).join("\n"));
  for (const question of questions) {
    if (answers.has(question.name)) continue;
    const answered = asks ? await askedFor(question) : undefined;
    if (answered)
      answers.set(
        question.name,
        answered.map((value) => own(question, value)),
      );
    else if (question.standard)
      answers.set(
        question.name,
        question.standard.map((value) => standard(question, value)),
      );
  }
  return answers;
}

/** What a question is about, in a line. */
export function describe({ place, description, choices, isSecret, example }: Question): string {
  const words = [
    `${place}${isSecret ? ", a secret" : ""}`,
    ...(description === undefined || description === "" ? [] : [description]),
    ...(choices && choices.length > 0 ? [`one of ${choices.join(", ")}`] : []),
    ...(example === undefined || example === "" ? [] : [`such as ${example}`]),
  ];
  return clamped(words.join(": "), LONGEST_DESCRIPTION);
}

function tried(question: Question, given: string): { readonly value: string } | { readonly problem: string } {
  try {
    return { value: checkedValue(question, given) };
  } catch (error) {
    return { problem: (error as Error).message }; // it throws Errors in words
  }
}

function own({ name, isSecret }: Question, text: string): Text {
  if (isSecret && !text.includes("${")) registerSecret(text);
  return [{ text, isForeign: false, ...(isSecret && { secret: name }) }];
}

function standard({ name, isSecret }: Question, text: string): Text {
  return [{ text, isForeign: true, ...(isSecret && { secret: name }) }];
}

/** Undefined where the default is meant, or nothing. @throws UsageError where a value is needed and nobody gives it */
async function askedFor(question: Question): Promise<string[] | undefined> {
  const values: string[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; ) {
    const answer = await askOnce(question, values.length);
    if (answer === undefined || answer === "") {
      if (values.length > 0) return values;
      if (question.standard || !question.isRequired) return undefined;
      if (answer === undefined && question.mayBeEmpty) return [""];
      attempt++;
      process.stderr.write(`${escapeControls(question.name)} needs a value.\n`);
      continue;
    }
    const checked = tried(question, answer);
    if ("problem" in checked) {
      attempt++;
      process.stderr.write(`${escapeControls(`${question.name} ${checked.problem}`)}.\n`);
      continue;
    }
    values.push(checked.value);
    if (!question.isRepeated) return values;
  }
  throw new UsageError(escapeControls(`--value ${question.name}=...: is missing: ${describe(question)}`));
}

async function askOnce(question: Question, already: number): Promise<string | undefined> {
  const { askInput } = await import("../command-line/ask-input.ts");
  const { name, choices, standard, isRequired, isSecret, mayBeEmpty } = question;
  const list = choices && choices.length > 0 && !question.isRepeated ? choices : undefined;
  const usual =
    already > 0
      ? "; Enter ends them"
      : standard || isRequired
        ? mayBeEmpty && !standard
          ? "; Enter gives it without a value"
          : ""
        : "; Enter leaves it out";
  const description = already > 0 ? `Another value of ${name}${usual}` : `${name}: ${describe(question)}${usual}`;
  return askInput({
    ...{ id: "value", type: list ? "pickString" : "promptString", description, password: isSecret },
    ...(list && { options: [...list] }),
    // The default is not sent back as an answer: it is the entry's, and an answer is the operator's.
    ...(standard && already === 0 && { description: `${description} [${isSecret ? "has a default" : clamped(standard.join(", "), 100)}]` }),
  });
}
