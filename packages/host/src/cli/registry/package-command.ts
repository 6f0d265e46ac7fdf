import type { Answers } from "../servers/answers.ts";
import type { Draft } from "../servers/draft.ts";
import { foreign, type Text } from "../servers/written-text.ts";
import type { Asked } from "./asked.ts";
import type { NamedPackage, PackageKind } from "./package-name.ts";
import type { Argument, Package } from "./server-json.ts";

type Started = Exclude<PackageKind, "mcpb">;

/** The programs that start each kind of package; the first is the usual one. */
const RUNNERS: Readonly<Record<Started, readonly string[]>> = { npm: ["npx"], pypi: ["uvx"], oci: ["docker", "podman"], nuget: ["dnx"] };

/** What they are told before anything else. */
const FIRST: Readonly<Record<Started, readonly string[]>> = { npm: ["-y"], pypi: [], oci: ["run", "-i", "--rm"], nuget: [] };

/** How they are told of another registry than the public one. An image has it in its name. */
const ELSEWHERE: Readonly<Record<Started, (base: string) => readonly string[]>> = {
  npm: (base) => [`--registry=${base}`],
  pypi: (base) => [`--default-index=${base}`],
  oci: () => [],
  nuget: (base) => ["--source", base],
};

/** A package's command line, as far as it is known before questions are answered. */
export interface PackageCommand {
  readonly warnings: readonly string[];
  draft(answers: Answers): Draft;
}

/** How a package is started. Each argument stays one word, whatever is in it: no shell reads the line. @throws Error that says why it cannot be started */
export function packageCommand(kind: Started, given: Package, named: NamedPackage, asked: Asked): PackageCommand {
  const { runtimeHint, runtimeArguments = [], packageArguments = [], environmentVariables = [] } = given;
  const [usual = ""] = RUNNERS[kind];
  const runner = runtimeHint && RUNNERS[kind].includes(runtimeHint) ? runtimeHint : usual;
  if (runtimeHint && runner !== runtimeHint && runtimeArguments.length > 0)
    throw new Error(`it has arguments for "${runtimeHint}", and packages of ${kind} are started by ${RUNNERS[kind].join(" or ")}`);
  const ofRunner = runtimeArguments.map((argument, index) => words(argument, `argument of ${runner}`, index, asked));
  const ofPackage = packageArguments.map((argument, index) => words(argument, "argument", index, asked));
  const variables = environmentVariables.map((variable) => {
    if (!/^[A-Za-z_]\w*$/.test(variable.name)) throw new Error(`"${variable.name}" is no name of a variable`);
    return asked.keyed(variable, "the variable");
  });
  const first = [...FIRST[kind], ...(named.elsewhere === undefined ? [] : ELSEWHERE[kind](named.elsewhere))].map(foreign);
  return {
    warnings: [
      ...(runtimeArguments.length > 0 ? [`the entry gives arguments to ${runner} itself; look at them`] : []),
      ...(given.fileSha256 ? [`the entry names a SHA-256 of the package, which ${runner} does not check`] : []),
    ],
    draft(answers) {
      const env = variables.flatMap((variable) => variable(answers));
      // What a container is to see of its program's variables.
      const passed = kind === "oci" ? env.flatMap(([name]) => [foreign("-e"), foreign(name)]) : [];
      const ofIts = ofPackage.flatMap((each) => each(answers));
      const before = [
        ...first,
        ...ofRunner.flatMap((each) => each(answers)).filter((word) => !(kind === "npm" && isOnly(word, "-y"))),
        ...passed,
      ];
      // `dnx` takes for its own what does not stand behind "--".
      const end = kind === "nuget" && ofIts.length > 0 ? [foreign("--")] : [];
      return {
        ...{ command: foreign(runner), args: [...before, foreign(named.word), ...end, ...ofIts], env },
        ...(kind === "oci" && { passedAt: before.length }),
      };
    },
  };
}

function isOnly(text: Text, word: string): boolean {
  return text.length === 1 && text[0]?.text === word;
}

/** The words of one argument: of one with a name `--name=value`, or two where the name is a single letter's. */
function words(argument: Argument, place: string, index: number, asked: Asked): (answers: Answers) => readonly Text[] {
  const label = argument.type === "named" ? argument.name : (argument.valueHint ?? `argument-${index + 1}`);
  const values = asked.values(label, argument, {
    place: `${place} ${label}`,
    isRepeated: argument.isRepeated === true,
    mayBeEmpty: argument.type === "named",
  });
  if (argument.type === "positional") return values;
  const name = foreign(argument.name);
  return (answers) =>
    values(answers).flatMap((value) => {
      if (value.every(({ text }) => text === "")) return [name];
      return argument.name.startsWith("--") ? [[...name, ...foreign("="), ...value]] : [name, value];
    });
}
