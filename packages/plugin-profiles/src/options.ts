import { nearest } from "mcp-host";
import { z } from "zod";

const globs = z.array(z.string().regex(/^!?[^!]/, "must be a glob, or `!` and a glob")).optional();

export const profile = z.strictObject({
  extends: z
    .array(z.string())
    .default([])
    .describe("Profiles whose selections are in it too; `instructions`, `descriptions` and `outside` are taken on where it has none."),
  servers: globs.describe("Whose entries: keys of servers, ids of plugins that offer entries."),
  tools: globs.describe("Tools, by exposed name or `<upstream>:<native name>`."),
  prompts: globs.describe("Prompts, by exposed name or `<upstream>:<native name>`."),
  resources: globs.describe("Resources and templates, by URI or `<upstream>:<native URI>`."),
  description: z.string().optional().describe("What the profile is for: `serverInfo.description` for its clients, and in reports."),
  instructions: z
    .string()
    .optional()
    .describe('Instructions in the place of the servers\' own, which stand for `{instructions}` in it; `""` for none.'),
  descriptions: z
    .record(z.string(), z.string())
    .default({})
    .describe("Exposed name, URI or URI template → its description here; the one that it replaces stands for `{description}` in it."),
  roles: z
    .array(z.string())
    .min(1)
    .optional()
    .describe("Callers with one of these roles have it at the unnamed endpoint, and nobody else may use it."),
  endpoint: z.boolean().default(true).describe("Whether it has an endpoint of its name, `/mcp/p/<name>`."),
  outside: z.enum(["refuse", "hide"]).optional().describe("What becomes of all that it leaves out; default: that of the plugin."),
});

/** One profile, with defaults filled in. */
export type ProfileOptions = z.output<typeof profile>;

const fields = z.strictObject({
  profiles: z.record(z.string(), profile).default({}).describe("Profiles by name."),
  default: z
    .string()
    .optional()
    .describe("The profile at the unnamed endpoint of callers who have none by role; without it they have everything."),
  outside: z
    .enum(["refuse", "hide"])
    .default("refuse")
    .describe("What becomes of all that a profile leaves out: `refuse` it as unknown, or `hide` it from lists alone."),
});

/** The options, with defaults filled in. */
export type Options = z.output<typeof fields>;

export const options = fields.superRefine(({ profiles, default: ordinary }, context) => {
  const known = new Map(Object.entries(profiles));
  const check = (name: string, path: (string | number)[]): void => {
    if (known.has(name)) return;
    const there = known.size === 0 ? "there is none" : `there ${known.size === 1 ? "is" : "are"} ${[...known.keys()].join(", ")}`;
    context.addIssue({ code: "custom", path, message: `no profile is called "${name}"${nearest(name, [...known.keys()])}; ${there}` });
  };
  for (const [name, { extends: bases }] of known)
    for (const [index, base] of bases.entries()) check(base, ["profiles", name, "extends", index]);
  for (const circle of circlesIn(known)) {
    const message = `goes round in a circle: ${[...circle, circle[0]].join(" → ")}; take one of them out`;
    context.addIssue({ code: "custom", path: ["profiles", circle[0] as string, "extends"], message }); // no circle is empty
  }
  if (ordinary === undefined) return;
  check(ordinary, ["default"]);
  if (known.get(ordinary)?.roles)
    context.addIssue({
      code: "custom",
      path: ["default"],
      message: `"${ordinary}" is for its "roles" alone, and this one is for whoever has none by role`,
    });
});

/** Each circle of profiles that extend each other, once. */
function circlesIn(profiles: ReadonlyMap<string, ProfileOptions>): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    const begin = way.indexOf(name);
    if (begin !== -1) circles.push(way.slice(begin));
    if (begin !== -1 || done.has(name)) return;
    for (const base of profiles.get(name)?.extends ?? []) visit(base, [...way, name]);
    done.add(name);
  };
  for (const name of profiles.keys()) visit(name, []);
  return circles;
}
