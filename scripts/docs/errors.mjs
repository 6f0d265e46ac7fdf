import { ERRORS } from "../../packages/host/dist/errors.js";
import { between, table } from "../pages.mjs";

export const file = "docs/errors.md";

/** The table of errors, from the code that makes them. */
export function render(current) {
  const retryable = { true: "yes", false: "no", safe: "if nothing was sent" };
  const errors = table(
    ["type", "code", "HTTP status", "retryable", "meaning and remedy"],
    Object.entries(ERRORS).map(([type, { code, status, retryable: again, meaning }]) => [
      `\`${type}\``,
      code,
      status ?? "–",
      retryable[again],
      meaning,
    ]),
  );
  return between(current, "errors", errors);
}
