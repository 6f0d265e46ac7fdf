import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { isPublished } from "../../config/documentation.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { PACKAGE } from "../command-line/installed.ts";
import { shellWord } from "../command-line/shell-word.ts";
import { Dialogue, isAsking } from "../terminal/dialogue.ts";
import { filesOf } from "./files.ts";
import { KIND_MEANINGS, KIND_NAMES, type Kind, USUAL_KIND } from "./kinds.ts";
import { isFoundByName, nameProblem, nearName, packageNameOf, pluginName } from "./names.ts";

/** The flags of `plugin new`. */
export interface NewPluginFlags {
  folder?: string | undefined;
  dir?: string | undefined;
  name?: string | undefined;
  kind?: Kind | undefined;
  /** Whether somebody at the terminal may be asked. */
  asks: boolean;
}

/** What was written, and what is to be done next. */
export interface NewPlugin {
  /** Absolute. */
  readonly folder: string;
  /** The package's name. */
  readonly name: string;
  /** What the plugin is called in configs. */
  readonly plugin: string;
  readonly kind: Kind;
  readonly files: readonly string[];
  readonly notes: readonly string[];
  /** Commands, each with what it does. */
  readonly next: readonly { readonly command: string; readonly does: string }[];
}

/** Writes a new package with a plugin. @throws UsageError, Error where the folder has something in it */
export async function createPlugin(flags: NewPluginFlags): Promise<NewPlugin> {
  const isMissing = flags.kind === undefined || (flags.folder ?? flags.dir ?? flags.name) === undefined;
  using dialogue = isMissing && flags.asks && isAsking() ? new Dialogue() : undefined;
  const folder = resolve(await folderOf(flags, dialogue));
  const name = nameOf(flags, folder);
  const isThere = checkEmpty(folder);
  const kind = flags.kind ?? (dialogue ? await askedKind(dialogue) : USUAL_KIND);
  const files = filesOf(name, kind);
  write(folder, files, isThere);
  const plugin = pluginName(name);
  const notes = [
    LICENSE,
    ...(isFoundByName(name)
      ? []
      : [`A config finds the package ${name} by its path, and not by its name: that would be ${packageNameOf(name)}.`]),
  ];
  return { ...{ folder, name, plugin, kind, notes }, files: [...files.keys()].sort(), next: nextSteps(folder) };
}

async function folderOf({ folder, dir, name }: NewPluginFlags, dialogue: Dialogue | undefined): Promise<string> {
  if (folder !== undefined && dir !== undefined)
    throw new UsageError(`the folder is given twice: "${folder}", and --dir "${dir}"; give it once`);
  const given = folder ?? dir ?? (name === undefined ? undefined : name.slice(name.lastIndexOf("/") + 1));
  if (given !== undefined && given !== "") return given;
  if (!dialogue) throw new UsageError("no folder is given, and there is no terminal to ask on; name one, such as my-plugin");
  const answer = await dialogue.ask("Which folder is the plugin to be in? [my-plugin]");
  return answer === "" ? "my-plugin" : answer;
}

/** The package's name: the one that is given, or that of the folder. @throws UsageError where npm would not take it */
function nameOf({ name: given }: NewPluginFlags, folder: string): string {
  const name = given ?? basename(folder);
  const problem = nameProblem(name);
  if (problem === undefined) return given ?? packageNameOf(name);
  const near = nearName(name);
  const remedy = near === undefined ? "give another with --name" : `--name ${near} would do`;
  const where = given === undefined ? `the folder's name "${name}" cannot be the package's` : `--name: npm takes no package "${name}"`;
  throw new UsageError(`${where}: it ${problem}; ${remedy}`);
}

/** Whether the folder is there; an empty one, or a repository without files, will do. @throws Error for any other */
function checkEmpty(folder: string): boolean {
  if (!existsSync(folder)) return false; // what is in the way above it, shows when it is made
  if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file; name a folder that is empty or not there yet`);
  const [first, ...more] = readdirSync(folder).filter((entry) => entry !== ".git");
  if (first === undefined) return true;
  throw new Error(
    `${folder} is not empty: it has ${first}${more.length > 0 ? ` and ${more.length} more` : ""}; name a folder that is empty or not there yet`,
  );
}

async function askedKind(dialogue: Dialogue): Promise<Kind> {
  const lines = KIND_NAMES.map((kind) => `  ${kind.padEnd(10)} ${KIND_MEANINGS[kind]}`);
  process.stderr.write(`A plugin is one of these:\n${lines.join("\n")}\n`);
  for (;;) {
    const answer = await dialogue.ask(`Which kind is it to be? [${USUAL_KIND}]`);
    const kind = answer === "" ? USUAL_KIND : KIND_NAMES.find((each) => each === answer.toLowerCase());
    if (kind !== undefined) return kind;
  }
}

/** Nothing that is there is written over, and nothing is left of what could not be written to its end. */
function write(folder: string, files: ReadonlyMap<string, string>, isThere: boolean): void {
  const written: string[] = [];
  try {
    for (const [path, text] of files) {
      const file = join(folder, path);
      makeFolder(dirname(file));
      writeFileSync(file, text, { flag: "wx" });
      written.push(file);
    }
  } catch (error) {
    if (isThere) for (const file of written) rmSync(file, { force: true });
    else if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    throw new Error(`the plugin could not be written: ${(error as Error).message}`, { cause: error }); // node:fs throws Errors
  }
}

/** With those above it. Not with `recursive`, which goes on for ever in folders where the system makes none, such as /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
}

const LICENSE = "The license is yours to choose: add LICENSE, and its name to package.json.";

function nextSteps(folder: string): NewPlugin["next"] {
  const way = relative(process.cwd(), folder);
  return [
    ...(way === "" ? [] : [{ command: `cd ${shellWord(way.startsWith("..") ? folder : way)}`, does: "" }]),
    isPublished("mcp-host")
      ? { command: "npm install", does: "gets what it is built and tested with" }
      : // What npm finds under the name before the first release is not ours.
        {
          command: `npm install --save-dev ${shellWord(PACKAGE)}`,
          does: "links this mcp-host, which npm does not have yet, and gets the rest",
        },
    { command: "npm test", does: "the contract of plugins, and what this one does" },
    { command: "npm run dev", does: "runs a host with it, which takes on each change" },
  ];
}
