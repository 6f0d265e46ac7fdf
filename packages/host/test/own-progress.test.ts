import { definePlugin, type Json, type OfferToolResult, type PluginHost, type Progress } from "mcp-host";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test } from "vitest";

const flowing = (apply: (host: PluginHost) => void) => definePlugin({ name: "flow", host: "^1.0.0", apply })();

test("progress is handed on by a tool of the plugin's, as it is typed; what has no number is none", async () => {
  const up = fakeUpstream({
    tools: {
      long: async (_args, { progress }) => {
        progress("much" as unknown as number); // a server says what it likes
        progress(1, 2, "half");
        progress(2);
        return "";
      },
    },
  });
  const flow = flowing((host) =>
    host.offer({
      tools: {
        all: {
          async call(_args, { exchange, progress }) {
            const onProgress = (told: Progress): void => progress(told.progress, told.total, told.message);
            return (await exchange.call("tools/call", { name: "long" }, { onProgress })) as OfferToolResult;
          },
        },
      },
    }),
  );
  await using host = await createTestHost({ plugins: [flow], upstreams: { up } });
  const heard: Json[] = [];
  await host.client.callTool("all", {}, { onProgress: (each) => void heard.push(each) });
  expect(heard).toHaveLength(2);
  expect(heard).toMatchObject([{ progress: 1, total: 2, message: "half" }, { progress: 2 }]);
});
