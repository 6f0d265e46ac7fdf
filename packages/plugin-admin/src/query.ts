import type { Json } from "mcp-host";
import { Problem } from "./problem.ts";

/** Names that credentials have in URLs. */
const CREDENTIAL = /token|secret|passw|api[-_]?key|auth|bearer|credential/i;

/** @throws Problem where a URL holds what belongs into a header: it ends up in logs and histories */
export function refuseCredentials(query: URLSearchParams): void {
  for (const name of query.keys())
    if (CREDENTIAL.test(name))
      throw new Problem(
        400,
        "invalid_request",
        "the URL holds a credential, which is never looked at there; send it as `Authorization: Bearer <token>`, and get another one, since URLs are kept in logs",
      );
}

/** What a query gives to params with these schemas. @throws Problem that names what is wrong */
export function paramsIn(query: URLSearchParams, properties: Readonly<Record<string, Json>>): Json {
  const given: Json = {};
  for (const [name, text] of query) {
    if (!Object.hasOwn(properties, name)) {
      const known = Object.keys(properties).join(", ");
      throw new Problem(
        400,
        "invalid_params",
        `there is no query parameter ${JSON.stringify(name.slice(0, 64))}; there are ${known || "none"}`,
      );
    }
    if (Object.hasOwn(given, name)) throw new Problem(400, "invalid_params", `the query parameter "${name}" is there twice; give it once`);
    given[name] = typed(text, (properties[name] as Json).type); // its own key
  }
  return given;
}

/** A text that is none of its type stays one: what takes it says what is wrong. */
function typed(text: string, type: unknown): unknown {
  if ((type === "integer" || type === "number") && /^-?\d{1,16}$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
