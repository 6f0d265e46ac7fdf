import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { HttpClient } from "../src/upstream/http-client.ts";

test("what lasts takes no connection of calls, however few there are", async () => {
  const open = new Set<http.ServerResponse>();
  const server = http.createServer((request, response) => {
    request.resume();
    if (request.url === "/stream") {
      open.add(response.on("close", () => open.delete(response)));
      response.writeHead(200).flushHeaders();
    } else response.end("ok");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = new HttpClient("one", { url: new URL(`http://127.0.0.1:${port}/call`), headers: {}, sockets: 1 });
  const post = (path: string, lasts: boolean): Promise<number> =>
    new Promise((resolve, reject) => {
      const events = { head: resolve as (status: number) => undefined, failed: reject, refused: reject };
      client.post("{}", events, { path, lasts });
    });
  // The second stream waits for the first, and calls for neither.
  const streams = [post("/stream", true), post("/stream", true)];
  streams[1]?.catch(() => {}); // it ends with its client
  expect(await streams[0]).toBe(200);
  for (const _ of [1, 2, 3]) expect(await post("/call", false)).toBe(200);
  expect(open.size).toBe(1);
  await client.close();
  await new Promise((resolve) => server.close(resolve));
});
