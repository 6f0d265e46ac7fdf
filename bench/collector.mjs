// A collector of OTLP that takes everything and makes nothing of it.
import { createServer } from "node:http";

const server = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(200, { "content-type": "application/x-protobuf", "content-length": 0 }).end());
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.stderr.write(`listens at http://127.0.0.1:${server.address().port}\n`));
process.stdin.resume().on("end", () => process.exit(0));
