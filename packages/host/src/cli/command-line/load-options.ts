import type { LoadOptions } from "../../config/load.ts";
import { everyValue } from "./usage.ts";

/** What the flags of `configArgs` say beside the file; whoever is at a terminal is asked for inputs that nobody has set. */
export async function loadOptions(raw: readonly string[], mayAsk = true): Promise<LoadOptions> {
  const options: LoadOptions = {
    set: everyValue(raw, "set"),
    envFiles: everyValue(raw, "env-file"),
    variableSources: async (...entries) => (await import("../../plugin/bringers.ts")).variableSources(...entries),
    // Plugins are loaded only where there is something to tell.
    pluginProblems: async (...plugins) => (await import("../../plugin/load.ts")).pluginProblems(...plugins),
  };
  if (!mayAsk || !process.stdin.isTTY || !process.stderr.isTTY) return options;
  const { askInput } = await import("./ask-input.ts");
  return { ...options, ask: askInput };
}
