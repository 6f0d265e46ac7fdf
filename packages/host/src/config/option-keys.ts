import type { z } from "zod";

/** The parts of a zod schema's definition by which it contains others. */
interface Definition {
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly items?: readonly z.ZodType[];
}

/** The keys that an object may have at a place of what a schema takes: those of all kinds of objects that may be there. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const definition = schema.def as Definition; // each kind of schema has some of these
  const within = definition.innerType ?? definition.in;
  if (within) return keysAt(within, path);
  if (definition.options) return [...new Set(definition.options.flatMap((option) => keysAt(option, path)))];
  const [key, ...rest] = path;
  if (key === undefined) return Object.keys(definition.shape ?? {});
  const next = definition.shape?.[String(key)] ?? definition.items?.[Number(key)] ?? definition.element ?? definition.valueType;
  return next ? keysAt(next, rest) : [];
}
