import { extname } from "node:path";
import { copyPlain, isPlain } from "../../config/plain.ts";
import { type Edit, editText } from "../../config/write.ts";

/** One change of a config's form, and what is told of it. */
export interface Change extends Edit {
  /** With its place: `plugins[0]: "a" is now "b"`. */
  readonly told: string;
}

/** How a config of one version becomes one of the next. */
export interface Step {
  /** The version that it leads to. */
  readonly to: number;
  /** What has to change. A config of the new form needs nothing: one without a version may be either. */
  changes(config: unknown, folder: string): readonly Change[];
}

/** What became of a config, version by version. */
export interface Migration {
  readonly from: number;
  readonly to: number;
  /** The steps that changed something. */
  readonly steps: readonly { readonly to: number; readonly changes: readonly Change[] }[];
  /** The config as it is now. */
  readonly value: unknown;
}

/** Takes a config through every step from its own version on. @param from its version */
export function migrate(config: unknown, from: number, folder: string, steps: readonly Step[]): Migration {
  let value = config;
  const done = steps
    .filter(({ to }) => to > from)
    .map((step) => {
      const changes = step.changes(value, folder);
      value = changes.reduce(withChange, value);
      return { to: step.to, changes };
    });
  return { from, to: done.at(-1)?.to ?? from, steps: done.filter(({ changes }) => changes.length > 0), value };
}

/** The text of a file after a migration: with its comments, unless it is TOML. */
export async function migratedText(path: string, text: string, { steps, to, value }: Migration): Promise<string> {
  const version: Edit = { path: ["version"], value: to };
  if (extname(path).toLowerCase() !== ".toml")
    return editText(text, extname(path).toLowerCase(), [...steps.flatMap(({ changes }) => changes), version]);
  const { stringify } = await import("smol-toml");
  return stringify(withChange(value, version));
}

function withChange(config: unknown, { path, value }: Edit): unknown {
  const copy = copyPlain(config);
  const key = path.at(-1);
  const at = path.slice(0, -1).reduce<unknown>((inner, each) => (isPlain(inner) ? (inner as Container)[each] : undefined), copy);
  if (!isPlain(at) || key === undefined) return copy;
  if (value === undefined) delete (at as Container)[key];
  else (at as Container)[key] = value;
  return copy;
}

type Container = Record<string | number, unknown>;
