import { expect, test } from "vitest";
import { MARKED, startHost, upstream } from "../harness/hosts.ts";
import { RawHttp } from "../harness/raw-http.ts";

/** A program that is no server, and prints as fast as somebody reads. */
const noisy = (text: string) => ({ command: process.execPath, args: ["-e", script(text)], env: MARKED });

const script = (text: string): string =>
  `const text = ${JSON.stringify(text)}.repeat(20000); const more = () => { while (process.stdout.write(text)); }; process.stdout.on("drain", more); more();`;

test.each(["y\n", "[debug] a line\n"])(
  "a server that prints without end (%j) is given up, and the others are served meanwhile",
  async (text) => {
    await using running = await startHost({ mcpServers: { noisy: noisy("y\n"), good: upstream() } });
    const client = await RawHttp.open(running.url);
    expect((await client.call("echo", { who: "me" })).result.structuredContent.arguments).toEqual({ who: "me" });
    const status = () => running.host.status().upstreams.find(({ name }) => name === "noisy")?.connections[0];
    await expect.poll(status).toMatchObject({ reason: expect.stringContaining("lines in a row that are no messages") });
  },
);
