/** One instruction of a Dockerfile: what is before the first word that is no flag, and the rest. */
export interface Instruction {
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly rest: string;
}

/** The instructions of a Dockerfile in their order. Heredocs and other escape characters are not known, and refused. */
export function instructionsOf(text: string): Instruction[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  const whole = lines.join("\n").replace(/\\\n\s*/g, "");
  return whole
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [, name = "", words = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
      if (name === "" || /<<-?\w/.test(words)) throw new Error(`the Dockerfile has a line that is not understood here: ${line}`);
      const flags: Record<string, string> = {};
      let rest = words;
      for (;;) {
        const [whole = "", flag = "", value = ""] = /^--([a-z-]+)=(\S+) /.exec(rest) ?? [];
        if (flag === "") return { name, flags, rest };
        flags[flag] = value;
        rest = rest.slice(whole.length);
      }
    });
}

/** The assignments of `ENV`: `A=b C="d e"`. */
export function assignmentsOf(rest: string): Record<string, string> {
  return Object.fromEntries(Array.from(rest.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g), ([, name, quoted, bare]) => [name, quoted ?? bare]));
}

/** The words of an instruction in exec form. A shell form would run in another shell than it is tested in, and is refused. */
export function wordsOf(rest: string): string[] {
  if (!rest.startsWith("[")) throw new Error(`write ${rest} as a JSON array`);
  return JSON.parse(rest) as string[];
}

/** What `.dockerignore` keeps out of the context. Exceptions (`!`) are not known, and refused. */
export function ignoredBy(text: string): (path: string) => boolean {
  const patterns = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      if (line.startsWith("!")) throw new Error(`.dockerignore: ${line} is not understood here`);
      const source = line
        .replace(/[.+^${}()|[\]\\?]/g, "\\$&")
        .replaceAll("**/", "\u0000")
        .replaceAll("*", "[^/]*")
        .replaceAll("\u0000", "(?:[^/]+/)*");
      return new RegExp(`^${source}(?:/|$)`);
    });
  return (path) => patterns.some((pattern) => pattern.test(path));
}
