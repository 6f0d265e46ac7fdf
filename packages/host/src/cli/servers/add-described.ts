import { dirname, resolve } from "node:path";
import { locateConfig, located } from "../../config/locate.ts";
import { escapeControls } from "../../log.ts";
import { UsageError } from "../../operator/usage-error.ts";
import { redactText } from "../../redact.ts";
import { EXIT, type ExitCode } from "../command-line/exit.ts";
import { shellWord } from "../command-line/shell-word.ts";
import { programsOf } from "../doctor/servers.ts";
import { SecretNames } from "../init/secrets.ts";
import { chosenRegistry } from "../registry/registry-options.ts";
import { Dialogue, isAsking } from "../terminal/dialogue.ts";
import { addServer, checkFree } from "./add-server.ts";
import { answersTo, givenValues } from "./answers.ts";
import type { Described, Draft } from "./draft.ts";
import { headersOf, type ServerEntry, variablesOf } from "./entry.ts";
import type { Source } from "./source.ts";
import { takenOn } from "./taken-on.ts";
import { foreign, shownText, type Text, writtenText } from "./written-text.ts";

/** What the command line says beside the source. */
export interface DescribedFlags {
  readonly config: string | undefined;
  readonly json: boolean | undefined;
  readonly credentials: boolean | undefined;
  readonly yes: boolean | undefined;
  readonly use: string | undefined;
  readonly registry: string | undefined;
  readonly timeout: string | undefined;
  readonly packageRegistry: string | undefined;
  readonly values: readonly string[];
  readonly env: readonly string[];
  readonly headers: readonly string[];
}

/** Adds a server that a registry or a bundle describes: looks, asks, shows what would be started, and writes only what was confirmed. */
export async function addDescribed(source: Exclude<Source, { kind: "line" }>, flags: DescribedFlags): Promise<ExitCode> {
  const given = givenValues(flags.values);
  const path = await locateConfig(flags.config);
  await using described = await describe(source, flags);
  const name = source.called ?? described.name;
  await located(path, () => checkFree(path, name, "`add` writes JSON and YAML; add it to such a file, and copy the entry"));
  const asks = isAsking() && flags.yes !== true;
  const answers = await answersTo(described.title, described.questions, given, asks);
  const draft = withFlags(described.draft(answers), flags);
  const names = new SecretNames(dirname(path));
  const entry = entryOf(draft, name, names);
  const warnings = [...described.warnings, ...lacking(draft, path)];
  print([
    described.title,
    ...described.about.map(indented),
    ...shown(draft).map(indented),
    ...warnings.map((warning) => `careful: ${warning}`),
  ]);
  if (!(await confirmed(`Write it into ${path} as server "${name}"?`, flags.yes === true))) {
    print(["nothing was written"]);
    return EXIT.failure.code;
  }
  const back = await described.keep();
  const { backup, notes } = await located(path, () => addServer(path, name, entry, flags.credentials === true, names)).catch(
    async (error: unknown) => {
      await back();
      throw error;
    },
  );
  return takenOn({ path, server: name, did: `server "${name}" is in ${path} now`, written: true, backup, notes }, flags.json);
}

async function describe(source: Exclude<Source, { kind: "line" }>, flags: DescribedFlags): Promise<Described> {
  if (source.kind === "bundle") {
    for (const flag of ["use", "registry", "timeout", "packageRegistry"] as const)
      if (flags[flag] !== undefined)
        throw new UsageError(
          `--${flag === "packageRegistry" ? "package-registry" : flag}: is for a server of the registry, and ${source.path} is a bundle`,
        );
    const { describeBundle } = await import("../bundles/described-bundle.ts");
    return describeBundle(resolve(source.path));
  }
  const { describeEntry } = await import("../registry/described-entry.ts");
  return describeEntry(source.wanted, {
    registry: await chosenRegistry(flags),
    use: flags.use,
    async mayComeFrom(kind, address) {
      if (flags.packageRegistry === address) return;
      // Whoever agrees to anything by --yes has not seen this address.
      if (isAsking() && flags.yes !== true) {
        print([`its ${kind} package comes from ${address}, which is not the public registry of such packages`]);
        if (await confirmed("Take it from there?", false)) return;
        throw new Error("nothing was written");
      }
      throw new UsageError(
        `its ${kind} package comes from ${address}, which is not the public registry of such packages; if that is meant, give --package-registry ${shellWord(address)}`,
      );
    },
  });
}

/** What the command line adds of variables or headers. */
function withFlags(draft: Draft, { env, headers }: DescribedFlags): Draft {
  const own = (pairs: Record<string, string>): [string, Text][] =>
    Object.entries(pairs).map(([name, text]) => [name, [{ text, isForeign: false }]]);
  if ("command" in draft) {
    if (headers.length > 0) throw new UsageError("--header: is for a server with a URL; a program takes --env");
    const added = own(variablesOf(env));
    const passed = draft.passedAt === undefined ? [] : added.flatMap(([name]) => [foreign("-e"), foreign(name)]);
    return { ...draft, args: draft.args.toSpliced(draft.passedAt ?? 0, 0, ...passed), env: [...draft.env, ...added] };
  }
  if (env.length > 0) throw new UsageError("--env: is for a program that the host starts; a server with a URL takes --header");
  return { ...draft, headers: [...draft.headers, ...own(headersOf(headers))] };
}

function entryOf(draft: Draft, server: string, names: SecretNames): ServerEntry {
  // A variable of the program that is a secret as a whole gives its name to the variable of the config.
  const written = (text: Text, key?: string, mayBeOwn = false): string =>
    writtenText(text, (secret, question) => `\${${names.nameFor(server, key ?? question, mayBeOwn && text.length === 1, secret)}}`);
  const all = (pairs: readonly (readonly [string, Text])[], mayBeOwn: boolean): Record<string, string> =>
    Object.fromEntries(pairs.map(([name, text]) => [name, written(text, name, mayBeOwn)]));
  if ("command" in draft) {
    const { command, args, env, cwd } = draft;
    return {
      command: written(command),
      ...(args.length > 0 && { args: args.map((text) => written(text)) }),
      ...(env.length > 0 && { env: all(env, true) }),
      ...(cwd !== undefined && { cwd: written(foreign(cwd)) }),
    };
  }
  const { type, url, headers } = draft;
  return { type, url: written(url), ...(headers.length > 0 && { headers: all(headers, false) }) };
}

/** What will be started or reached, exactly, with what. */
function shown(draft: Draft): string[] {
  const pairs = (word: string, all: readonly (readonly [string, Text])[]): string[] =>
    all.map(([name, text]) => `${word} ${name}=${shellWord(shownText(text))}`);
  if (!("command" in draft)) return [`reaches: ${shownText(draft.url)} (${draft.type})`, ...pairs("header", draft.headers)];
  const line = [draft.command, ...draft.args].map((word) => shellWord(shownText(word))).join(" ");
  const bare = draft.args.some((word) => word.some(({ secret }) => secret !== undefined));
  return [
    `starts: ${line}`,
    ...(draft.cwd === undefined ? [] : [`in: ${draft.cwd}`]),
    ...pairs("variable", draft.env),
    ...(bare ? ["a secret is among the arguments, which every user of the machine can read while it runs"] : []),
  ];
}

function lacking(draft: Draft, config: string): string[] {
  if (!("command" in draft)) return [];
  const command = shownText(draft.command);
  // With a path in it, it is a file of the bundle, and was looked for.
  if (/[/\\]/.test(command) || programsOf(command, dirname(config)).length > 0) return [];
  return [`there is no ${command} on PATH; install it before the server is used`];
}

function indented(line: string): string {
  return `  ${line}`;
}

function print(lines: readonly string[]): void {
  process.stderr.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
}

/** @throws UsageError where nobody is there to agree */
async function confirmed(question: string, agreed: boolean): Promise<boolean> {
  if (agreed) return true;
  if (!isAsking()) throw new UsageError("nobody is at a terminal to agree to this; look at it, and give --yes");
  using dialogue = new Dialogue();
  return await dialogue.confirm(redactText(question), false); // it is closed at the end of this function
}
