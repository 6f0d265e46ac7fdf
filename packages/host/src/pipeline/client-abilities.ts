import { HostError } from "../errors.ts";
import { isObject, type Json } from "../wire/message.ts";

/** What a client is to be asked. */
interface Asked {
  readonly method: string;
  readonly params?: Readonly<Json>;
}

/** Why a client cannot be asked something, when it did not declare that it can. */
export function lacking(capabilities: Readonly<Json>, request: Asked): HostError | undefined {
  const missing = lacks(capabilities, request);
  if (missing === undefined) return undefined;
  // A mode that was not declared is a matter of params (2025-11-25, client/elicitation, error handling).
  return new HostError(missing.includes(".") ? "invalid_params" : "method_not_found", `the client did not declare ${missing}`);
}

/** The capability that a client would need for a question and did not declare. */
export function lacks(capabilities: Readonly<Json>, request: Asked): string | undefined {
  const { elicitation, sampling, roots, tasks } = capabilities;
  switch (request.method) {
    case "sampling/createMessage":
      return sampling === undefined ? "sampling" : undefined;
    case "roots/list":
      return roots === undefined ? "roots" : undefined;
    case "elicitation/create": {
      if (!isObject(elicitation)) return "elicitation";
      if (request.params?.mode === "url") return elicitation.url === undefined ? "elicitation.url" : undefined;
      // An empty object means form mode, as before there were two (2025-11-25, client/elicitation).
      return elicitation.form === undefined && elicitation.url !== undefined ? "elicitation.form" : undefined;
    }
    default:
      return request.method.startsWith("tasks/") && tasks === undefined ? "tasks" : undefined;
  }
}
