import { ConfigError } from "../errors.ts";
import type { PluginDefinition } from "./plugin.ts";

/** What of a plugin decides its place. */
interface Placed {
  readonly definition: Pick<PluginDefinition, "name" | "enforce" | "needs" | "before" | "after">;
  readonly owner: { readonly id: string };
}

const GROUPS = ["pre", undefined, "post"] as const;

/**
 * The plugins in the order in which their taps run: by their `enforce` group, then by what they say of each other, then as
 * in the config. @throws ConfigError where one that is needed is missing, or what they say contradicts itself
 */
export function inOrder<P extends Placed>(loaded: readonly P[]): P[] {
  const names = new Set(loaded.map(({ definition }) => definition.name));
  const missing = loaded.flatMap(({ definition: { name, needs = [] } }) =>
    needs
      .filter((needed) => !names.has(needed))
      .map((needed) => `plugin "${name}" needs plugin "${needed}", which is not among the plugins; add it`),
  );
  if (missing.length > 0) throw new ConfigError(missing);
  return GROUPS.flatMap((group) =>
    sorted(
      loaded.filter(({ definition }) => definition.enforce === group),
      loaded,
    ),
  );
}

function sorted<P extends Placed>(group: readonly P[], all: readonly P[]): P[] {
  const waiting = [...group];
  const ordered: P[] = [];
  while (waiting.length > 0) {
    // The first of the config that nothing has to come before: few plugins make the square of their number small.
    const next = waiting.findIndex((plugin) => !waiting.some((other) => other !== plugin && precedes(other, plugin)));
    if (next === -1) {
      const circle = waiting.map(({ owner }) => `"${owner.id}"`).join(", ");
      throw new ConfigError([
        `the plugins ${circle} say that each must come before another ("before" and "after" in their definitions); remove one of them`,
      ]);
    }
    ordered.push(...waiting.splice(next, 1));
  }
  for (const plugin of group) {
    const wrong = all.find((other) => !group.includes(other) && contradicts(plugin, other));
    if (wrong)
      throw new ConfigError([
        `plugin "${plugin.owner.id}" says it must come ${plugin.definition.before?.includes(wrong.definition.name) ? "before" : "after"} "${wrong.owner.id}", but "enforce" in their definitions says otherwise; remove one of the two plugins, or ask their authors`,
      ]);
  }
  return ordered;
}

function precedes({ definition: one }: Placed, { definition: other }: Placed): boolean {
  return one.name !== other.name && (one.before?.includes(other.name) === true || other.after?.includes(one.name) === true);
}

/** Whether what one says of another is not what their groups say. */
function contradicts({ definition: one }: Placed, { definition: other }: Placed): boolean {
  const isEarlier = GROUPS.indexOf(one.enforce) < GROUPS.indexOf(other.enforce);
  return (isEarlier ? one.after : one.before)?.includes(other.name) === true;
}
