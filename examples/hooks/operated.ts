import { definePlugin } from "mcp-host";

/** Shows the last twenty things that operators had done, and who they were. */
export default definePlugin({
  name: "last-operations",
  host: "^1.0.0",
  apply(host) {
    const last: { at: string; who: string; what: string; outcome: string }[] = [];
    host.hooks.operated.tap("last-operations", ({ at, who, via, operation, outcome }) => {
      last.push({ at: new Date(at).toISOString(), who: via === undefined ? who : `${who} via ${via}`, what: operation, outcome });
      if (last.length > 20) last.shift();
      if (outcome !== "ok") host.log.warn("an operation failed", { who, operation, outcome });
    });
    host.operator.report(() => ({ last }));
  },
});
