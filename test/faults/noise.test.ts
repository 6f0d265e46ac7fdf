import { expect, test } from "vitest";
import { MARKED, startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A program that is no server, and prints as fast as somebody reads. */
const PRINTING = `
  const text = "y\\n".repeat(20000);
  const more = () => { while (process.stdout.write(text)); };
  process.stdout.on("drain", more);
  more();
`;

test("a server that prints without end is given up, and the others are served meanwhile", async () => {
  const noisy = { command: process.execPath, args: ["-e", PRINTING], env: MARKED };
  await using running = await startHost({ mcpServers: { noisy, good: upstream() } });
  const client = await RawHttp.open(running.url);
  expect((await client.call("echo", { who: "me" })).result.structuredContent.arguments).toEqual({ who: "me" });
  const status = () => running.host.status().upstreams.find(({ name }) => name === "noisy")?.connections[0];
  await expect.poll(status).toMatchObject({ reason: expect.stringContaining("lines in a row that are no messages") });
});
