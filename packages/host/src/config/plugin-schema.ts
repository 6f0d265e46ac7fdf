import { z } from "zod";
import { isObject } from "../wire/message.ts";
import { isPlugin, isPluginFactory, type PluginValue } from "./plugin-brand.ts";
import { duration, flag } from "./units.ts";
import { wording } from "./wording.ts";

const FORMS = "must be a plugin's name, [name, options], { use, options } or a plugin made in code";

const pair = z.tuple([z.string().min(1), z.unknown()]);

const some = z.array(z.string()).min(1, "must name at least one; leave it out where it makes no difference");

/** For what the plugin of an entry is there. All that is said must hold. */
const condition = z
  .strictObject({
    tools: some.optional().describe("Globs of tools: exposed names, or `upstream:native`."),
    servers: some.optional().describe("Globs of keys of `mcpServers`."),
    roles: some.optional().describe("The caller has one of these roles."),
    endpoints: some.optional().describe('The caller came in by one of these endpoints; `""` is the unnamed one.'),
  })
  .refine((said) => Object.keys(said).length > 0, "says nothing; give it tools, servers, roles or endpoints, or leave it out");

export type PluginCondition = z.output<typeof condition>;

/** The keys of a condition. */
export const CONDITION_KEYS = ["tools", "servers", "roles", "endpoints"];

/** The long form of an entry. */
export const pluginForm = z
  .strictObject({
    use: z.custom<string | PluginValue>(
      (value) => (typeof value === "string" && value !== "") || isPlugin(value),
      "must be the name of a plugin, or a plugin made in code",
    ),
    id: z.string().min(1).optional().describe("Tells two copies of one plugin apart."),
    options: z.unknown().optional().describe("What the plugin's README lists."),
    onError: z.enum(["fail", "skip"]).optional().describe("What becomes of a request when a tap of the plugin fails. Default: fail."),
    enabled: flag.default(true).describe("`false`: as if the entry were not there."),
    when: condition.optional().describe("Elsewhere the plugin's taps are as if they were not there."),
    timeout: duration.optional().describe("The longest that one tap may take. Default: 5s."),
  })
  .superRefine(
    ({ use, options }, context) => {
      if (!isPlugin(use) || options === undefined) return;
      const { name } = use.definition;
      const message = `plugin "${name}" is made in code and has its options already; give them there: ${name}({ ... })`;
      context.addIssue({ code: "custom", path: ["options"], message });
    },
    { when: ({ value }) => isObject(value) }, // whatever else is wrong
  );

type Written = string | z.input<typeof pair> | z.input<typeof pluginForm> | PluginValue;
type Checked = string | z.output<typeof pair> | z.output<typeof pluginForm> | PluginValue;

/** One entry of `plugins`. Its forms are told apart first, so that an error speaks of the form that was meant. */
export const pluginSchema = z.unknown().transform((value, context): Checked => {
  const refuse = (message: string): never => {
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  };
  if (typeof value === "string") return value === "" ? refuse(FORMS) : value;
  if (isPlugin(value)) return value;
  if (isPluginFactory(value)) {
    const { name } = value.definition;
    return refuse(`plugin "${name}" is a definition; call it to make a plugin: ${name}({ ... })`);
  }
  if (Array.isArray(value)) {
    const parsed = pair.safeParse(value);
    if (parsed.success && value.length === 2) return parsed.data;
    const alone = value.length === 1 && typeof value[0] === "string";
    return refuse(alone ? `must be [name, options]; write ${JSON.stringify(value[0])} alone for a plugin without options` : FORMS);
  }
  if (!isObject(value)) return refuse(FORMS);
  const parsed = pluginForm.safeParse(value, { error: wording });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.addIssue({ ...issue } as Parameters<typeof context.addIssue>[0]); // an issue is one that can be added
  return z.NEVER;
}) as unknown as z.ZodType<Checked, Written>; // it takes anything and refuses what is not of these forms
