import { z } from "zod";
import { wording } from "../../config/wording.ts";

/** Longest text of an entry, and most items of a list in it. */
const text = z.string().max(10_000, "has more than 10000 characters");
const word = z.string().min(1).max(200, "has more than 200 characters");
const few = <T extends z.ZodType>(item: T) => z.array(item).max(200, "has more than 200 items");

/** A value that somebody has to give, or that the entry gives itself. */
const input = z.object({
  description: text.optional(),
  isRequired: z.boolean().optional(),
  isSecret: z.boolean().optional(),
  format: z.enum(["string", "number", "boolean", "filepath"]).optional(),
  value: text.optional(),
  default: z.union([text, z.number(), z.boolean()]).transform(String).optional(),
  placeholder: text.optional(),
  choices: few(text).optional(),
});
const templated = input.extend({ variables: z.record(word, input).optional() });
const keyed = templated.extend({ name: word });
const argument = z.discriminatedUnion("type", [
  templated.extend({ type: z.literal("positional"), valueHint: word.optional(), isRepeated: z.boolean().optional() }),
  templated.extend({ type: z.literal("named"), name: word, isRepeated: z.boolean().optional() }),
]);

const transport = z.object({
  type: text,
  url: text.optional(),
  headers: few(keyed).optional(),
  variables: z.record(word, input).optional(),
});

const packaged = z.object({
  registryType: text,
  registryBaseUrl: text.optional(),
  identifier: text.min(1),
  version: text.optional(),
  fileSha256: text.optional(),
  runtimeHint: text.optional(),
  transport: transport.optional(),
  runtimeArguments: few(argument).optional(),
  packageArguments: few(argument).optional(),
  environmentVariables: few(keyed).optional(),
});

const status = z.object({ status: text.optional(), statusMessage: text.optional(), isLatest: z.boolean().optional() });

const entrySchema = z.object({
  server: z.object({
    name: z.string().regex(/^[A-Za-z0-9.-]{1,200}\/[A-Za-z0-9._-]{1,200}$/, "is no name of a registry"),
    version: z.string().min(1).max(255),
    title: text.optional(),
    description: text.optional(),
    packages: few(packaged).optional(),
    remotes: few(transport).optional(),
  }),
  _meta: z.object({ "io.modelcontextprotocol.registry/official": status.optional() }).optional(),
});

export type Input = z.output<typeof input>;
export type Templated = z.output<typeof templated>;
export type Keyed = z.output<typeof keyed>;
export type Argument = z.output<typeof argument>;
export type Transport = z.output<typeof transport>;
export type Package = z.output<typeof packaged>;

/** An entry of a registry: what its publisher says, and what the registry says of it. */
export interface RegistryEntry {
  readonly server: z.output<typeof entrySchema>["server"];
  /** `active`, `deprecated` or `deleted`. */
  readonly status: string;
  readonly statusMessage: string | undefined;
}

/** Reads an entry as it came. What is wrong with it is told with its place. */
export function readEntry(value: unknown): RegistryEntry | { readonly problem: string } {
  const { data, error } = entrySchema.safeParse(value, { error: wording });
  if (error) {
    const [issue] = error.issues;
    return { problem: `${issue?.path.join(".")}: ${issue?.message}`.slice(0, 300) };
  }
  const told = data._meta?.["io.modelcontextprotocol.registry/official"];
  return { server: data.server, status: told?.status ?? "active", statusMessage: told?.statusMessage };
}
