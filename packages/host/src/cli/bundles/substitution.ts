import { homedir } from "node:os";
import { delimiter, join, sep } from "node:path";
import type { Answers } from "../servers/answers.ts";
import { filled, foreign, type Text } from "../servers/written-text.ts";

/** `${name}` in a manifest. */
const PLACE = /\$\{([^${}]*)\}/g;
const USER = "user_config.";

/** The folders of whoever is here, as manifests name them. */
function places(): ReadonlyMap<string, string> {
  const home = process.env.HOME || homedir();
  return new Map([
    ["HOME", home],
    ["DESKTOP", join(home, "Desktop")],
    ["DOCUMENTS", join(home, "Documents")],
    ["DOWNLOADS", join(home, "Downloads")],
    ["pathSeparator", sep],
    ["/", sep],
  ]);
}

/** A default with the folders in it that it names. */
export function defaultText(text: string): string {
  const known = places();
  return text.replace(PLACE, (whole, name: string) => known.get(name) ?? whole);
}

/** Fills the places of a manifest. What they are filled with is never looked at again, and names of nothing stay as they are. */
export class Substitution {
  readonly #known: ReadonlyMap<string, string>;
  readonly #names: ReadonlySet<string>;
  readonly #answers: Answers;

  /** @param folder where the bundle will be @param names the values that it asks for */
  constructor(folder: string, names: ReadonlySet<string>, answers: Answers) {
    this.#known = new Map([...places(), ["__dirname", folder]]);
    this.#names = names;
    this.#answers = answers;
  }

  /** The words that an argument becomes: of a value alone as many as it has, of anything else one. */
  words(argument: string): readonly Text[] {
    const name = this.#alone(argument);
    return name === undefined ? [this.text(argument)] : (this.#answers.get(name) ?? []);
  }

  /** A variable's value; undefined where it is a value alone that nobody gave. */
  variable(text: string): Text | undefined {
    const name = this.#alone(text);
    return name !== undefined && !this.#answers.has(name) ? undefined : this.text(text);
  }

  text(text: string): Text {
    return filled(text, PLACE, (name) => {
      const known = this.#known.get(name);
      if (known !== undefined) return foreign(known);
      if (!name.startsWith(USER) || !this.#names.has(name.slice(USER.length))) return undefined;
      // Several in one text are a list of paths, as in PATH.
      return (this.#answers.get(name.slice(USER.length)) ?? []).flatMap((value, index) =>
        index === 0 ? value : [...foreign(delimiter), ...value],
      );
    });
  }

  #alone(text: string): string | undefined {
    const name = text.startsWith(`\${${USER}`) && text.endsWith("}") ? text.slice(USER.length + 2, -1) : undefined;
    return name !== undefined && this.#names.has(name) ? name : undefined;
  }
}
