import { z } from "zod";
import { compile } from "./condition.ts";

/** A condition in the options of a plugin: the text of a CEL expression, compiled. What is wrong with it is said where it stands. */
export const condition = z.string().transform((source, context) => {
  try {
    return compile(source);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message }); // compile throws nothing else
    return z.NEVER;
  }
});
