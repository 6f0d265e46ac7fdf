import { readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import { reasonOf } from "../problem.ts";
import { nameProblem, setSecrets } from "../secrets.ts";
import { type Context, targetOf } from "./target.ts";

const LARGEST = 1024 ** 2;

/** `mcp-host secret import FILE`; a command as citty has them. */
export default {
  meta: { name: "import", description: "Take the variables of a .env file into the vault; the file stays" },
  args: {
    file: { type: "positional", description: "The file, with NAME=value lines" },
    only: { type: "string", valueHint: "name,...", description: "Take these alone. Default: all that have a value" },
    overwrite: { type: "boolean", description: "Replace secrets that are there already" },
  },
  async run(context: Context<{ file: string; only?: string; overwrite?: boolean }>): Promise<void> {
    const { file, only, overwrite } = context.args;
    const values = read(file);
    const wanted = only?.split(",").map((name) => name.trim());
    const strange = wanted?.filter((name) => !values.has(name)) ?? [];
    if (strange.length > 0) throw new Error(`there is no ${strange.join(", ")} in ${file}; it has ${[...values.keys()].join(", ")}`);
    const taken = new Map([...values].filter(([name, value]) => value !== "" && (wanted?.includes(name) ?? true)));
    const odd = [...taken.keys()].filter((name) => nameProblem(name) !== undefined);
    for (const name of odd) taken.delete(name);
    if (taken.size === 0) throw new Error(`${file} has no variables with a value and a name that a secret may have`);
    const { vault } = targetOf(context);
    const written = await setSecrets(vault, taken, !overwrite);
    const kept = [...taken.keys()].filter((name) => !written.includes(name));
    const lines = [
      `${written.length} of ${values.size} variables of ${file} are in the vault ${vault.path}${written.length > 0 ? `: ${written.join(", ")}` : ""}`,
      ...(kept.length > 0 ? [`left as they were, since they are there already: ${kept.join(", ")}; --overwrite replaces them`] : []),
      ...(odd.length > 0 ? [`left out, since no secret may have such a name: ${odd.join(", ")}`] : []),
      ...(written.length > 0
        ? [
            `Refer to them as \${secret:${written[0]}} in the config. ${file} is still there in clear: delete it once nothing else reads it.`,
          ]
        : []),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  },
};

function read(file: string): Map<string, string> {
  try {
    if (statSync(file).size > LARGEST) throw new Error(`it has more than ${LARGEST} bytes`);
    return new Map(Object.entries(parseEnv(readFileSync(file, "utf8")) as Record<string, string>)); // it gives texts alone
  } catch (error) {
    throw new Error(`${file} cannot be read: ${reasonOf(error)}`, { cause: error });
  }
}
