import { accessSync, constants, statSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, resolve } from "node:path";
import type { ListenConfig, ResolvedConfig, UpstreamConfig } from "../../config/schema.ts";
import { listenFailure } from "../../front/listening.ts";
import type { ControlStatus } from "../../operator/control-protocol.ts";
import { childEnvironment } from "../../upstream/child.ts";
import type { ServerStart } from "../one-shot/startup.ts";
import { described, isUp, lastWords } from "../terminal/upstream-summary.ts";
import { type Finding, finding, told } from "./findings.ts";

/** What the commands of well-known servers come with. */
const SOURCES: Readonly<Record<string, string>> = {
  node: "Node.js",
  npx: "Node.js",
  uv: "uv (https://docs.astral.sh/uv)",
  uvx: "uv (https://docs.astral.sh/uv)",
  docker: "Docker",
  bunx: "Bun",
  deno: "Deno",
  python: "Python; it is often called python3",
};

/** Whether the command of each stdio server is where its process will look for it. */
export function lookAtCommands(servers: ResolvedConfig["mcpServers"], folder: string): Finding[] {
  return Object.entries(servers).flatMap(([key, server]) => ("command" in server ? [lookAtCommand(key, server, folder)] : []));
}

function lookAtCommand(about: string, server: Extract<UpstreamConfig, { command: string }>, folder: string): Finding {
  const { command } = server;
  const cwd = resolve(folder, server.cwd ?? ".");
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return finding("cwd-missing", `there is no folder ${cwd}`, { about });
  const { PATH = "" } = childEnvironment(server.env);
  const isPath = /[/\\]/.test(command);
  const places = placesOf(command, folder, cwd, PATH);
  const files = filesAt(places);
  const [found] = files.filter(isExecutable);
  if (found !== undefined) return finding("command", found, { about });
  if (files[0] !== undefined) return finding("command-blocked", `${files[0]} may not be executed`, { about });
  const source = SOURCES[command];
  return finding("command-missing", isPath ? `there is no file ${places[0]}` : `there is no command "${command}" on PATH (${PATH})`, {
    about,
    ...(source !== undefined && { remedy: `install ${source}, or write the absolute path of ${command} into \`command\`` }),
  });
}

/** The programs that a command of a config may mean, the first of which is started. @param folder the config's */
export function programsOf(command: string, folder: string): string[] {
  return filesAt(placesOf(command, folder, folder, childEnvironment({}).PATH ?? "")).filter(isExecutable);
}

function placesOf(command: string, folder: string, cwd: string, path: string): string[] {
  return /[/\\]/.test(command) ? [resolve(folder, command)] : path.split(delimiter).map((entry) => resolve(cwd, entry, command));
}

function filesAt(places: readonly string[]): string[] {
  return places.flatMap(withExtensions).filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
}

/** Windows finds `npx.cmd` by the name of `npx`. */
function withExtensions(file: string): string[] {
  if (process.platform !== "win32") return [file];
  return [file, ...(process.env.PATHEXT ?? ".EXE;.CMD;.BAT").split(";").map((extension) => `${file}${extension}`)];
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether the host could listen. @param config the file's path: the host that runs with it may have the port */
export async function lookAtPort(
  listen: ListenConfig,
  written: boolean,
  config: string,
  hosts: readonly ControlStatus[],
): Promise<Finding> {
  const { host, port } = listen;
  if (port === 0) return finding("port", "any free one is taken");
  const error = await listenOnce(listen);
  if (!error) return finding("port", `${port} is free on ${host}`);
  const owner = hosts.find(({ url }) => url !== undefined && new URL(url).port === String(port));
  if (owner?.config === config) return finding("port", `${port} is used by the running host with this config (pid ${owner.pid})`);
  const failure = listenFailure(error, listen);
  const problem = owner ? failure.replace("; ", ` by the host with pid ${owner.pid} and ${owner.config}; `) : failure;
  return told(error.code === "EADDRINUSE" ? "port-taken" : "address-unusable", problem, { ...(!written && { level: "warning" as const }) });
}

function listenOnce({ host, port }: ListenConfig): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** What became of each server that was started. @param broken those that are known not to start @param both those that speak both eras */
export function startsOf(
  starts: readonly ServerStart[],
  servers: ResolvedConfig["mcpServers"],
  broken: ReadonlySet<string | undefined>,
  both: ReadonlySet<string>,
): Finding[] {
  return starts
    .filter(({ upstream }) => !broken.has(upstream.name))
    .flatMap((start) => [
      ...startOf(start, servers[start.upstream.name]?.protocol),
      ...(both.has(start.upstream.name)
        ? [finding("server-both-eras", "it speaks MCP 2026-07-28, too", { about: start.upstream.name })]
        : []),
    ]);
}

/** @param protocol as the config says */
function startOf({ ok, upstream }: ServerStart, protocol = "auto"): Finding[] {
  const about = upstream.name;
  if (ok || isUp(upstream)) {
    const problems = upstream.connections.flatMap((connection) => connection.problems);
    return [
      finding("server", described(upstream), { about }),
      ...problems.map((problem) => finding("server-incomplete", problem, { about })),
    ];
  }
  const reason = upstream.reason ?? upstream.state;
  if (upstream.state === "needs sign-in") return [finding("server-sign-in", reason, { about })];
  // What the server itself said comes behind.
  if (reason.split(/; (?:on stderr|garbage on stdout)/)[0]?.includes("credentials"))
    return [finding("server-unauthorized", reason, { about })];
  const remedy =
    protocol === "auto"
      ? undefined
      : `Take \`"protocol": "${protocol}"\` out of it, unless you know that it speaks that: the host finds out what a server speaks. Else run its command by hand, or open its \`url\`.`;
  return [finding("server-down", [reason, ...lastWords(upstream)].join("\n"), { about, remedy })];
}
