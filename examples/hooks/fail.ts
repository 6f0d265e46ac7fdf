import { definePlugin } from "mcp-host";
import { z } from "zod";

/** Tells clients nothing of what failed inside servers but a number to ask about; the log has the words. */
export default definePlugin({
  name: "quiet-errors",
  host: "^1.0.0",
  options: z.strictObject({ codes: z.array(z.int()).default([-32603]) }),
  apply(host, { codes }) {
    host.hooks.fail.for("*").tap("quiet-errors", (error, { id, method, isQuestion }) => {
      if (isQuestion || !codes.includes(error.code)) return error;
      host.log.warn("an error was kept from a client", { requestId: id, method, error: error.message });
      return { code: error.code, message: `something failed; ask your operator about ${id}` };
    });
  },
});
