// A host without a port, and an MCP client in the same process: node examples/embedding/in-process.mjs
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { host } from "./host.mjs";

await host.start();
const [ours, theirs] = InMemoryTransport.createLinkedPair();
await host.connect(theirs);
const client = new Client({ name: "program", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
await client.connect(ours);
const { content } = await client.callTool({ name: "greet", arguments: { name: "reader" } });
console.log(`${content[0].text} (MCP ${client.getNegotiatedProtocolVersion()})`);

await client.close();
await host.close();
