import { expect, test } from "vitest";
import { drawn, told } from "./receiver.ts";

test("x", async () => {
  await using it = await told({ traces: { ratio: 1 } });
  await it.client.callTool("add", { a: 1, b: 2 });
  await it.end();
  console.log(drawn(it.to.spans).join("\n"));
  console.log(
    JSON.stringify(
      it.to.spans.filter((s) => s.name.startsWith("tools/call")),
      null,
      1,
    ),
    it.to.resources[0],
    JSON.stringify(it.up.received("tools/call")),
  );
  expect(1).toBe(1);
});
