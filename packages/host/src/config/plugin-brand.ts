import type { z } from "zod";

/** By this a plugin is known wherever it was defined: in this copy of the package or another. */
export const PLUGIN = Symbol.for("mcp-host.plugin");

/** What a config knows of a plugin's definition. */
export interface NamedDefinition {
  readonly name: string;
  readonly options?: z.ZodType;
}

/** A plugin made in code, as a config holds it: with the options that the code gave it, not yet parsed. */
export interface PluginValue {
  readonly [PLUGIN]: true;
  readonly definition: NamedDefinition;
  readonly input: unknown;
}

/** Whether a value is a plugin made in code. */
export function isPlugin(value: unknown): value is PluginValue {
  return typeof value === "object" && value !== null && PLUGIN in value;
}

/** Whether a value came from `definePlugin`: a plugin that is yet to be made. */
export function isPluginFactory(value: unknown): value is { readonly definition: NamedDefinition } {
  return typeof value === "function" && PLUGIN in value;
}
