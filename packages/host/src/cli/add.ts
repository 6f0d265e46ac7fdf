import { defineCommand } from "citty";
import type { ExitCode } from "./command-line/exit.ts";
import { everyValue, splitWords } from "./command-line/usage.ts";
import { registryArgs } from "./registry/registry-options.ts";
import { entryOf } from "./servers/entry.ts";
import { serverArgs } from "./servers/server-options.ts";
import { sourceOf } from "./servers/source.ts";

export default defineCommand({
  meta: { name: "add", description: "Write a server into the config" },
  args: {
    name: {
      ...serverArgs.name,
      description:
        "What the server is called in the config; alone, a server of the registry (io.github.owner/server, with @version or without) or a .mcpb file",
    },
    address: {
      type: "positional",
      required: false,
      valueHint: "url",
      description: "The same as --url; or a server of the registry, or a .mcpb file, which is called <name> then",
    },
    "-- command": { type: "positional", required: false, description: "The program that serves, with its arguments" },
    url: { type: "string", valueHint: "url", description: "Where the server is reached: http://, https://, ws:// or wss://" },
    transport: {
      type: "enum",
      alias: "t",
      options: ["stdio", "http", "sse", "websocket"],
      description: "How it is spoken to. Default: what a program or the URL says; SSE where HTTP is refused",
    },
    env: { type: "string", alias: "e", valueHint: "NAME=value", description: "A variable of the program. Repeatable" },
    header: { type: "string", alias: "H", valueHint: "Name: value", description: "A header of each request to the URL. Repeatable" },
    credentials: { type: "boolean", description: "Move secrets to the credentials file; without it they are written as they are" },
    use: {
      type: "enum",
      options: ["npm", "pypi", "oci", "nuget", "mcpb", "remote"],
      description: "Of a server of the registry: which of its packages, or its address. Default: the first of these that it has",
    },
    value: { type: "string", valueHint: "NAME=value", description: "A value that the registry's entry or the bundle asks for. Repeatable" },
    yes: { type: "boolean", description: "Of the registry or a bundle: ask nothing, and write what would be shown" },
    ...registryArgs,
    "package-registry": {
      type: "string",
      valueHint: "address",
      description: "The address that a package may come from, where that is not the public registry of its kind",
    },
    config: serverArgs.config,
    json: serverArgs.json,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { rest: words } = splitWords(rawArgs);
    const { name } = args;
    const [, address] = args._.slice(0, args._.length - (words?.length ?? 0));
    const env = everyValue(rawArgs, "env", "e");
    const headers = everyValue(rawArgs, "header", "H");
    const source = sourceOf(args, { name, address, words });
    if (source.kind !== "line") {
      const { addDescribed } = await import("./servers/add-described.ts");
      const values = everyValue(rawArgs, "value");
      return addDescribed(source, { ...args, ...{ env, headers, values }, packageRegistry: args["package-registry"] });
    }
    const entry = entryOf(name, { words, address, url: args.url, transport: args.transport, env, headers });
    const { addServer } = await import("./servers/add-server.ts");
    const { locateConfig, located } = await import("../config/locate.ts");
    const { takenOn } = await import("./servers/taken-on.ts");
    const path = await locateConfig(args.config);
    const { backup, notes } = await located(path, () => addServer(path, name, entry, args.credentials === true));
    return takenOn({ path, server: name, did: `server "${name}" is in ${path} now`, written: true, backup, notes }, args.json);
  },
});
