import { statSync } from "node:fs";
import { bringValues } from "./bring.ts";
import { expandConfig, type Use } from "./expand.ts";
import { placeOf } from "./parse.ts";
import { credentialsProblem } from "./variables.ts";
import { type LoadOptions, readWritten } from "./written.ts";

/** One variable, input or file that a config refers to. Its value is nowhere in here. */
export interface Credential {
  readonly name: string;
  readonly kind: Use["kind"];
  /** Where its value is found; null where it has none and needs one. */
  readonly source: string | null;
  readonly secret: boolean;
  readonly places: readonly string[];
}

export interface CredentialsReport {
  readonly ok: boolean;
  readonly config: string;
  readonly credentialsFile: { readonly path: string; readonly exists: boolean };
  readonly credentials: readonly Credential[];
  /** Why a source cannot be used. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Finds the source of everything that a config refers to. @throws ConfigError for a config that cannot be read */
export async function checkCredentials(path: string, options: LoadOptions): Promise<CredentialsReport> {
  const written = await readWritten(path, options);
  await bringValues(written, options.variableSources);
  const { value, variables, envFiles, problems: told } = written;
  const problems = told.filter((problem) => problem.startsWith("--env-file "));
  const uses: Use[] = [];
  const unset: string[] = [];
  expandConfig(value, variables, unset, uses);
  const groups = new Map<string, Use[]>();
  for (const use of uses) groups.set(`${use.kind} ${use.name}`, [...(groups.get(`${use.kind} ${use.name}`) ?? []), use]);
  const credentials = [...groups.values()].map(summary);
  const file = variables.credentialsPath;
  const wrong = credentialsProblem(file);
  if (wrong !== undefined) problems.push(wrong);
  const lacking = new Set(uses.flatMap(({ missing }) => missing ?? []));
  const isTold = (problem: string): boolean => problem.includes(" is not set; ") && lacking.has(problem);
  problems.push(...unset.filter((problem) => !isTold(problem) && (wrong === undefined || !problem.endsWith(wrong))));
  return {
    ok: problems.length === 0 && credentials.every(({ source }) => source !== null),
    config: path,
    credentialsFile: { path: file, exists: statSync(file, { throwIfNoEntry: false }) !== undefined },
    credentials,
    problems,
    warnings: envFiles.flatMap(({ path }) => readable(path)),
  };
}

function summary(uses: readonly Use[]): Credential {
  const [first] = uses as [Use, ...Use[]]; // a group has a member
  // With a default in one place and without one in another it is missing there.
  const worst = uses.find(({ source }) => source === undefined) ?? first;
  return {
    name: first.name,
    kind: first.kind,
    source: worst.source ?? null,
    secret: uses.some(({ secret }) => secret),
    places: [...new Set(uses.map(({ path }) => placeOf(path)))],
  };
}

function readable(path: string): string[] {
  const isOpen = process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0;
  return isOpen ? [`--env-file ${path}: others can read it; if it holds secrets, run \`chmod 600 ${path}\``] : [];
}
