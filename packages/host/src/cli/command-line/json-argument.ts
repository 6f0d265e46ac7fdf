import { UsageError } from "../../operator/usage-error.ts";
import { isObject, type Json } from "../../wire/message.ts";

/** The object that a word of the command line holds. @param what it is, such as `--args` @throws UsageError for anything else */
export function jsonArgument(what: string, text: string, example = '{"path":"."}'): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${what}: is not valid JSON: ${(error as Error).message}`); // JSON.parse throws SyntaxErrors
  }
  if (!isObject(value)) throw new UsageError(`${what}: must be a JSON object, such as ${example}`);
  return value;
}
