// The MCP server that the conformance suite is run against, directly and through the host.
//
//   node fixture.mjs stdio
//   node fixture.mjs http --port N
//   node fixture.mjs modern --port N    over HTTP, of 2026-07-28 and nothing older
//   node fixture.mjs dual --port N      over HTTP, of both eras
//
// Port 0 is a free one; the address is printed on stderr as `listening <url>`.

// Each form loads what it needs and no more: over stdio it is started for single requests, which the suite does not wait long for.

import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: "string", default: "0" } },
});

switch (positionals[0]) {
  case "stdio": {
    const { StdioServerTransport } = await import("@modelcontextprotocol/sdk/server/stdio.js");
    const { createServer } = await import("./fixture/server.mjs");
    // The SDK's transport does not end with its input; a server whose client is gone must.
    process.stdin.once("close", () => process.exit(0));
    await createServer().connect(new StdioServerTransport());
    break;
  }
  case "http": {
    const { listen } = await import("./fixture/http.mjs");
    console.error(`listening ${await listen(Number(values.port))}`);
    break;
  }
  case "modern":
  case "dual": {
    const { listen } = await import("./fixture/v2.mjs");
    console.error(`listening ${await listen(Number(values.port), positionals[0] === "dual")}`);
    break;
  }
  default:
    console.error("usage: fixture.mjs stdio | http --port N | modern --port N | dual --port N");
    process.exitCode = 2;
}
