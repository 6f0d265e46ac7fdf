import { Engine } from "./engine.ts";
import { options } from "./options.ts";
import { Rules } from "./rules.ts";

/** The options, whose expressions and schemas are compiled, too: in a thread, since a schema can be written to take very long. */
export const checkedOptions = options.superRefine((given, context): Promise<void> | undefined => {
  const { programs, paths } = new Rules(given);
  if (programs.length === 0) return undefined;
  const engine = new Engine(programs, given.limits);
  return engine
    .mistakes(paths)
    .then((mistakes) => {
      for (const { path, message } of mistakes) context.addIssue({ code: "custom", path: [...path], message });
    })
    .finally(() => engine.close());
});
