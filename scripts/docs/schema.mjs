import { configJsonSchema } from "../../packages/host/dist/config/json-schema.js";
import { meanings } from "./config.mjs";

export const file = "packages/host/schema.json";

/** The JSON Schema that the package brings, from the schema that checks configs. */
export function render() {
  return `${JSON.stringify(configJsonSchema(meanings()), undefined, 2)}\n`;
}
