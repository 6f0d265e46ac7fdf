import { briefReason } from "../redact.ts";
import { withDeadline } from "../wire/deadline.ts";
import { expandConfig, expandValue, type Use } from "./expand.ts";
import { isPlainObject } from "./plain.ts";
import type { PluginConfig } from "./schema.ts";
import { OWN_WORDS } from "./variable-source.ts";
import type { LoadOptions, WrittenConfig } from "./written.ts";

const DEADLINE = 30_000;

/** The references of a config that only a plugin can have values for. */
export function broughtIn(config: unknown, variables: WrittenConfig["variables"]): Use[] {
  const uses: Use[] = [];
  expandConfig(config, variables, [], uses);
  return uses.filter(({ kind }) => !OWN_WORDS.includes(kind));
}

/**
 * The entries of `plugins` as far as the host alone can expand them. Of an entry that refers to what plugins bring, nothing: who brings values
 * cannot wait for them.
 */
export function entriesAlone({ value, variables }: WrittenConfig): (PluginConfig | undefined)[] {
  const entries = isPlainObject(value) && Array.isArray(value.plugins) ? value.plugins : [];
  return entries.map((entry: unknown, index) => {
    const uses: Use[] = [];
    const expanded = expandValue(entry, ["plugins", index], { variables, problems: [], uses });
    return uses.some(({ kind }) => !OWN_WORDS.includes(kind)) ? undefined : (expanded as PluginConfig); // whoever loads it says whether it is one
  });
}

/** Gives variables what plugins know of the values that a config refers to. Costs nothing where it refers to none. */
export async function bringValues(written: WrittenConfig, open: LoadOptions["variableSources"]): Promise<void> {
  if (!open) return;
  const wanted = new Map(broughtIn(written.value, written.variables).map(({ kind, name }) => [`${kind}:${name}`, { kind, name }]));
  if (wanted.size === 0) return;
  const sources = await open(entriesAlone(written), written.folder, written.path);
  const each = [...wanted.values()].map(async ({ kind, name }) => {
    const source = sources.get(kind);
    if (!source) return;
    try {
      const value = await withDeadline(Promise.resolve(source.find(name)), DEADLINE, () => {
        throw new Error(`\${${kind}:${name}} has no answer after ${DEADLINE / 1_000} s`);
      });
      written.variables.bring(kind, name, value === undefined ? { unset: source.unset(name) } : { value });
    } catch (error) {
      written.variables.bring(kind, name, { failed: briefReason(error) });
    }
  });
  await Promise.all(each);
}
