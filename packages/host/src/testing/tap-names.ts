import type { z } from "zod";
import { definePlugin, type Plugin, type PluginFactory, type PluginHost } from "../plugin/plugin.ts";

/** A plugin that does what another does and notes under which names that taps. */
export function withTapNames<Schema extends z.ZodType>(
  { definition }: PluginFactory<Schema>,
  options: z.input<Schema>,
  names: { readonly hook: string; readonly name: unknown }[],
): Plugin {
  const noting = definePlugin<Schema>({
    ...definition,
    apply: (host, parsed) => definition.apply({ ...host, hooks: watched(host.hooks, names) }, parsed),
  });
  return noting(options);
}

function watched(hooks: PluginHost["hooks"], names: { hook: string; name: unknown }[]): PluginHost["hooks"] {
  /** The hook, or a map of hooks by method, with eyes on `tap`; whatever else it has stays what it is. */
  const watch = <T extends object>(target: T, hook: string): T =>
    new Proxy(target, {
      get(object, key) {
        const member: unknown = Reflect.get(object, key);
        if (typeof member !== "function") return member;
        return (...args: unknown[]): unknown => {
          const [first] = args;
          if (key === "for") return watch(member.apply(object, args) as object, `${hook}.for(${JSON.stringify(first)})`); // a HookMap gives a hook
          if (String(key).startsWith("tap"))
            names.push({ hook, name: typeof first === "object" && first !== null && "name" in first ? first.name : first });
          return member.apply(object, args);
        };
      },
    });
  const all = Object.entries(hooks).map(([name, hook]) => [name, watch(hook as object, name)]); // every hook is an object
  return Object.fromEntries(all) as PluginHost["hooks"]; // the same names
}
