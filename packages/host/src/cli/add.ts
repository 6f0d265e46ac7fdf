import { defineCommand } from "citty";
import type { ExitCode } from "./command-line/exit.ts";
import { everyValue, splitWords } from "./command-line/usage.ts";
import { entryOf } from "./servers/entry.ts";
import { serverArgs } from "./servers/server-options.ts";

export default defineCommand({
  meta: { name: "add", description: "Write a server into the config" },
  args: {
    name: serverArgs.name,
    address: { type: "positional", required: false, valueHint: "url", description: "The same as --url" },
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
    config: serverArgs.config,
    json: serverArgs.json,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { rest: words } = splitWords(rawArgs);
    const { name } = args;
    const [, address] = args._.slice(0, args._.length - (words?.length ?? 0));
    const entry = entryOf(name, {
      ...{ words, address, url: args.url, transport: args.transport },
      env: everyValue(rawArgs, "env", "e"),
      headers: everyValue(rawArgs, "header", "H"),
    });
    const { addServer } = await import("./servers/add-server.ts");
    const { locateConfig, located } = await import("../config/locate.ts");
    const { takenOn } = await import("./servers/taken-on.ts");
    const path = await locateConfig(args.config);
    const { backup, notes } = await located(path, () => addServer(path, name, entry, args.credentials === true));
    return takenOn({ path, server: name, did: `server "${name}" is in ${path} now`, written: true, backup, notes }, args.json);
  },
});
