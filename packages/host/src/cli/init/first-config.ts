import { fileURLToPath } from "node:url";
import type { Json } from "../../wire/message.ts";

export const FORMATS = ["json", "jsonc", "yaml"] as const;
export type Format = (typeof FORMATS)[number];

const SERVERS = "The servers behind the host, by name.";
const INPUTS = "What is asked for on a terminal; elsewhere the variable MCP_HOST_INPUT_<ID> says it.";
const PORT = "Where `mcp-host start` listens.";
const PLUGINS = "Plugins in their order; this one keeps the names of several servers apart.";

/** A config that has one server, which is surely there: it comes with the host. */
export function helloServer(): Json {
  return { command: process.execPath, args: [fileURLToPath(new URL("../../../bin/hello-server.js", import.meta.url))] };
}

/** The text of a new config, with comments where the form has them. */
export async function configText(config: Json, format: Format): Promise<string> {
  if (format === "json") return `${JSON.stringify(config, undefined, 2)}\n`;
  const comments: Readonly<Record<string, string>> = { listen: PORT, inputs: INPUTS, mcpServers: SERVERS, plugins: PLUGINS };
  if (format === "jsonc") {
    const text = JSON.stringify(config, undefined, 2);
    return `${text.replace(/^ {2}"(\w+)":/gm, (line, key: string) => (comments[key] === undefined ? line : `  // ${comments[key]}\n${line}`))}\n`;
  }
  const { Document } = await import("yaml");
  const text = new Document(config).toString({ lineWidth: 0 });
  return text.replace(/^(\w+):/gm, (line, key: string) => (comments[key] === undefined ? line : `# ${comments[key]}\n${line}`));
}

/** The server that `name=command with arguments` or `name=https://...` stands for, with its name, or undefined for any other text. */
export function serverFromFlag(text: string): [name: string, server: Json] | undefined {
  const [, name, what = ""] = /^([A-Za-z0-9_.-]{1,64})=(.*)$/s.exec(text) ?? [];
  const [command, ...args] = wordsOf(what);
  if (name === undefined || command === undefined) return undefined;
  return [name, /^https?:\/\//.test(what) ? { url: what.trim() } : { command, ...(args.length > 0 && { args }) }];
}

/** The words of a command line: apart at spaces, together in quotes. */
function wordsOf(line: string): string[] {
  return Array.from(line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g), ([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}
