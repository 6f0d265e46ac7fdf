import type { PluginConfig } from "../config/schema.ts";
import { OWN_WORDS, type VariableSource } from "../config/variable-source.ts";
import { ConfigError } from "../errors.ts";
import { defaultInput, importPlugin, isDisabled, normalized } from "./load.ts";
import { definitionProblem, NO_OPTIONS, type PluginDefinition } from "./plugin.ts";

/** A plugin that brings values to configs. */
export interface Bringer {
  readonly id: string;
  readonly definition: PluginDefinition;
  /** Parsed. */
  readonly options: unknown;
}

/**
 * The plugins among these entries that bring values. What is wrong with an entry is no business of this: whoever makes a host of the config
 * loads all of them, and tells.
 */
export async function bringersOf(entries: readonly (PluginConfig | undefined)[], folder: string): Promise<Bringer[]> {
  const bringers: Bringer[] = [];
  for (const [index, entry] of entries.entries()) {
    if (entry === undefined || isDisabled(entry)) continue;
    try {
      const form = normalized(entry);
      const definition = form.plugin
        ? (form.plugin.definition as PluginDefinition)
        : (await importPlugin(form.use, folder, `plugins[${index}]`)).definition;
      if (definitionProblem(definition) !== undefined || !definition.variables) continue;
      const parsed = await (definition.options ?? NO_OPTIONS).safeParseAsync(form.options ?? defaultInput(definition));
      if (parsed.success) bringers.push({ id: form.id ?? definition.name, definition, options: parsed.data });
    } catch {
      // as above
    }
  }
  return bringers;
}

/** Where plugins have values from, by the words that references begin with. @throws ConfigError where a word is taken, or is none */
export async function variableSources(
  entries: readonly (PluginConfig | undefined)[],
  folder: string,
  config: string,
): Promise<ReadonlyMap<string, VariableSource>> {
  const sources = new Map<string, VariableSource>();
  const owners = new Map<string, string>();
  for (const { id, definition, options } of await bringersOf(entries, folder)) {
    for (const [word, source] of Object.entries(definition.variables?.(options, { folder, config }) ?? {})) {
      const before = owners.get(word);
      if (OWN_WORDS.includes(word) || !/^[a-z][a-z\d-]{0,31}$/.test(word))
        throw new ConfigError([
          `plugin "${id}" brings values by the word "${word}", which is the host's own, or has other characters than a-z, 0-9 and "-"`,
        ]);
      if (before !== undefined)
        throw new ConfigError([`plugin "${id}" brings values by the word "${word}", as plugin "${before}" does; remove one of them`]);
      owners.set(word, id);
      sources.set(word, source);
    }
  }
  return sources;
}
