import { isSecretName } from "../../redact.ts";
import type { Answers } from "../servers/answers.ts";
import type { Question } from "../servers/question.ts";
import { filled, foreign, type Text } from "../servers/written-text.ts";
import type { Input, Keyed, Templated } from "./server-json.ts";

/** `{name}` in a value of an entry. */
const PLACE = /\{([A-Za-z_][\w.-]*)\}/g;

/** What an input is: where its value goes, and whether it may have several. */
interface Kind {
  readonly place: string;
  readonly isRepeated?: boolean;
  readonly isSecret?: boolean;
  /** Whether a flag without a value is meant by an empty one. */
  readonly mayBeEmpty?: boolean;
}

/** Makes questions of what an entry leaves open, and texts of what was answered. */
export class Asked {
  readonly questions: Question[] = [];
  /** The questions that variables of templates have become: one of the same name is the same value. */
  readonly #variables = new Map<string, string>();

  /** The values of an input, which may be a template. @param label what it is called */
  values(label: string, input: Templated, kind: Kind): (answers: Answers) => readonly Text[] {
    if (input.value === undefined) {
      const name = this.#ask(label, input, kind);
      return (answers) => answers.get(name) ?? [];
    }
    return this.#template(input.value, input.variables ?? {}, input.isRequired === true, kind);
  }

  /** A name and its value, as variables of programs and headers are; left out where there is none. */
  keyed(input: Keyed, place: string): (answers: Answers) => (readonly [string, Text])[] {
    const values = this.values(input.name, input, { place: `${place} ${input.name}`, isSecret: isSecretName(input.name) });
    return (answers) =>
      values(answers)
        .slice(0, 1)
        .map((value) => [input.name, value]);
  }

  /** A text with places that variables fill. */
  template(text: string, variables: Readonly<Record<string, Input>>, place: string): (answers: Answers) => Text | undefined {
    const values = this.#template(text, variables, true, { place });
    return (answers) => values(answers)[0];
  }

  #template(
    text: string,
    variables: Readonly<Record<string, Input>>,
    isNeeded: boolean,
    kind: Kind,
  ): (answers: Answers) => readonly Text[] {
    const names = [...new Set(Array.from(text.matchAll(PLACE), ([, name = ""]) => name))].filter((name) => Object.hasOwn(variables, name));
    const fixed = new Map<string, Text>();
    const open = new Map<string, string>();
    for (const name of names) {
      const variable = variables[name] as Input; // it was just looked for
      if (variable.value !== undefined) fixed.set(name, foreign(variable.value));
      else open.set(name, this.#variable(name, { ...variable, isRequired: isNeeded || variable.isRequired === true }, kind));
    }
    return (answers) => {
      const given = [...open].map(([name, question]) => [name, answers.get(question) ?? []] as const);
      // What it is made of is not there: nor is it.
      if (given.some(([, values]) => values.length === 0)) return [];
      const count = Math.max(1, ...given.map(([, values]) => values.length));
      return Array.from({ length: count }, (_, index) => {
        const filling = new Map([...fixed, ...given.map(([name, values]) => [name, values[index] ?? values.at(-1) ?? []] as const)]);
        return filled(text, PLACE, (name) => filling.get(name));
      });
    };
  }

  #variable(name: string, input: Input, { place, isRepeated, isSecret }: Kind): string {
    const known = this.#variables.get(name);
    if (known !== undefined) return known;
    const question = this.#ask(name, input, {
      place: `{${name}} in ${place}`,
      isRepeated: isRepeated === true,
      isSecret: isSecret === true || isSecretName(name),
    });
    this.#variables.set(name, question);
    return question;
  }

  #ask(label: string, input: Input, { place, isRepeated = false, isSecret = false, mayBeEmpty }: Kind): string {
    const base = label.replace(/^-+/, "").replace(/[^\w.-]+/g, "-") || "value";
    let name = base;
    for (let count = 2; this.questions.some((question) => question.name === name); count++) name = `${base}-${count}`;
    const { format, description, choices, placeholder } = input;
    this.questions.push({
      ...{ name, place, description, isRepeated, choices, mayBeEmpty, example: placeholder },
      isRequired: input.isRequired === true,
      isSecret: input.isSecret ?? isSecret,
      format: format === "filepath" ? "path" : (format ?? "string"),
      standard: input.default === undefined || input.default === "" ? undefined : [input.default],
    });
    return name;
  }
}
