import type { Handler, Json } from "mcp-host";
import { isUnavailable } from "./failures.ts";
import type { FallbackOptions } from "./options.ts";

/** In `_meta` of a result that stands in for the upstream's: why, and whether the call may have run all the same. */
export const FALLBACK = "io.mcp-host/fallback";

/** Answers in the upstream's place when it cannot. A call that wants a task gets the error: nobody could look after the task. */
export function withFallback(next: Handler, { text, structured, isError }: FallbackOptions, used: () => void): Handler {
  const result: Json = {
    content: [{ type: "text", text: text ?? JSON.stringify(structured) }],
    ...(structured && { structuredContent: structured }),
    ...(isError && { isError }),
  };
  return (exchange) =>
    next(exchange).then(undefined, (error: unknown) => {
      if (!isUnavailable(error) || exchange.original.task !== undefined || exchange.signal.aborted) throw error;
      used();
      return { ...structuredClone(result), _meta: { [FALLBACK]: { reason: error.type, sent: error.sent } } };
    });
}
