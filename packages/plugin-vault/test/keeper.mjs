// A plugin that keeps a token of CANARY_TOKEN in a store for secrets, and says everything that it knows to the log.
import { definePlugin, registerSecret, SECRET_STORE } from "mcp-host";

export default definePlugin({
  name: "keeper",
  host: "^1.0.0",
  apply(host) {
    // A trace has what a tap changed, before and after.
    host.hooks.respond.for("tools/call").tap("keeper", (result) => ({
      ...result,
      content: result.content?.map((block) => ({ ...block, text: `${block.text} (seen)` })),
    }));
    host.hooks.ready.tap("keeper", async () => {
      const store = host.find(SECRET_STORE)("keeper");
      const token = process.env.CANARY_TOKEN;
      registerSecret(token);
      await store.set("token", { token, at: 1 });
      await store.publish("news", { token });
      host.log.debug(`kept ${token}`, { value: await store.get("token"), keys: await store.keys() });
    });
  },
});
