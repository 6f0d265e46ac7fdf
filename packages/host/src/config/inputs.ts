import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { wording } from "./wording.ts";

const option = z.union([z.string(), z.strictObject({ label: z.string().optional(), value: z.string() })]);

/** One question of VS Code's `inputs`. */
export const inputSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[\w.-]+$/, "must be of A-Z a-z 0-9 _ . -")
    .describe("What `${input:id}` names."),
  type: z
    .enum(["promptString", "pickString", "command"])
    .describe("A text, one of `options`, or a command of VS Code's, which is not run here: its value comes from the variable alone."),
  description: z.string().optional().describe("The question."),
  default: z.string().optional().describe("The value where nobody answers."),
  password: z.boolean().optional().describe("The answer is not shown while it is typed, and kept out of logs."),
  options: z.array(option).optional().describe("What a pickString may be."),
  command: z.string().optional().describe("VS Code's own."),
  args: z.unknown().optional().describe("VS Code's own."),
});

/** A value that a person or a variable gives. */
export type Input = z.output<typeof inputSchema>;

/** The list of inputs of a config. @throws ConfigError with the place of each problem */
export function parseInputs(value: unknown): Input[] {
  const parsed = z.array(inputSchema).safeParse(value, { error: wording });
  if (!parsed.success)
    throw new ConfigError(
      parsed.error.issues.map((issue) => {
        const place = issue.path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
        return `inputs${place}: ${issue.code === "unrecognized_keys" ? `unknown key ${issue.keys.join(", ")}` : issue.message}`;
      }),
    );
  const repeated = parsed.data.flatMap(({ id }, index) =>
    parsed.data.findIndex((other) => other.id === id) === index ? [] : [`inputs[${index}].id: "${id}" is there already; choose another`],
  );
  if (repeated.length > 0) throw new ConfigError(repeated);
  return parsed.data;
}

/** The values of a pickString. */
export function choices(input: Input): string[] {
  return (input.options ?? []).map((choice) => (typeof choice === "string" ? choice : choice.value));
}
