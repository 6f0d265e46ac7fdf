import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Host } from "../host/host.ts";
import type { ReloadReport } from "../host/reload.ts";
import type { Logger } from "../log.ts";
import { redact, redactText } from "../redact.ts";
import { withDeadline } from "../wire/deadline.ts";
import { isObject } from "../wire/message.ts";
import {
  CONTROL_DEADLINE,
  type ControlAnswer,
  type ControlFacts,
  type ControlRequest,
  type ControlStatus,
  type Invocation,
  OPERATION_DEADLINE,
  REQUEST_BYTES,
} from "./control-protocol.ts";
import { controlAddress, runningHosts, WINDOWS } from "./control-socket.ts";
import { parseLogQuery } from "./log-query.ts";
import type { LogRing } from "./log-ring.ts";
import { streamLogs } from "./log-stream.ts";
import { parseTraceQuery } from "./trace-query.ts";
import { streamTrace, TraceFeed } from "./trace-stream.ts";

/** Connections that have not asked, and those that have: readers of the log are counted where they are kept. */
const SILENT = 16;
const ASKED = 64;
/** Milliseconds in which there may be more of them. */
const MOMENT = 100;
/** Connections of any kind; beyond that the system is told to turn them away. */
const CONNECTIONS = 512;
/** Longest answer of an operation. */
const RESULT_BYTES = 16 * 1024 * 1024;

/** What a running host does for its operator beyond telling its status. */
export interface HostControls {
  readonly invocation: Invocation;
  /** Ends the host as SIGTERM does. */
  stop(): void;
  /** Reads the config again. */
  reload(): Promise<ReloadReport>;
  /** The last lines of its log. */
  readonly ring: LogRing;
}

/**
 * Answers what is asked on a local socket, one per process, mode 0600, never on the network. A host that cannot open it serves
 * all the same. Gives a function that closes it.
 */
export async function serveControl(host: Host, facts: ControlFacts, controls: HostControls, log: Logger): Promise<() => void> {
  try {
    runningHosts(); // clears what dead hosts left
    const address = controlAddress(process.pid);
    if (!WINDOWS) rmSync(address, { force: true });
    const feed = new TraceFeed((listener) => host.trace(listener));
    const sources = { host, facts, controls, feed, silent: new Newest(SILENT), asked: new Newest(ASKED) };
    const server = createServer((socket) => answer(socket, sources));
    server.maxConnections = CONNECTIONS;
    server.unref();
    await listening(server, address, log);
    if (!WINDOWS) chmodSync(address, 0o600);
    const close = (): void => {
      process.off("exit", close);
      server.close();
      controls.ring.end();
      feed.end();
      if (!WINDOWS) rmSync(address, { force: true });
    };
    process.once("exit", close);
    return close;
  } catch (error) {
    log.warn("the control socket could not be opened, so `mcp-host status` will not find this host", { reason: (error as Error).message });
    return () => {};
  }
}

function listening(server: Server, address: string, log: Logger): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => {
      server.off("error", reject);
      server.on("error", () => {}); // a connection that could not be accepted: the first is told, and others will be for the same reason
      server.once("error", ({ message }) => log.warn("the control socket could not take a connection", { reason: message }));
      resolve();
    });
  });
}

/** What questions are answered from. */
interface Sources {
  readonly host: Host;
  readonly facts: ControlFacts;
  readonly controls: HostControls;
  readonly feed: TraceFeed;
  /** Those that have not asked yet. */
  readonly silent: Newest;
  /** Those that wait for an answer, or read it. */
  readonly asked: Newest;
}

/** So many connections at most, of which the oldest go: however many are held open, whoever comes now has a moment to be heard. */
class Newest {
  readonly #most: number;
  readonly #sockets = new Set<Socket>();
  #trim: NodeJS.Timeout | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#sockets.size > this.#most) this.#trim ??= setTimeout(() => this.#end(), MOMENT).unref();
  }

  #end(): void {
    this.#trim = undefined;
    for (const oldest of [...this.#sockets].slice(0, -this.#most)) this.remove(oldest).destroy();
  }

  remove(socket: Socket): Socket {
    this.#sockets.delete(socket);
    return socket;
  }
}

function answer(socket: Socket, sources: Sources): void {
  let text = "";
  let asked = false;
  sources.silent.add(socket);
  socket.setEncoding("utf8");
  // Not the socket's own timeout, which every letter begins anew.
  const late = setTimeout(() => socket.destroy(), CONTROL_DEADLINE).unref();
  socket.once("close", () => clearTimeout(late));
  socket.on("timeout", () => socket.destroy());
  socket.on("error", () => {}); // whoever asked is gone
  socket.on("data", (chunk: string) => {
    if (asked) return;
    text += chunk;
    if (text.length > REQUEST_BYTES) socket.destroy();
    const end = text.indexOf("\n");
    if (end === -1 || socket.destroyed) return;
    asked = true;
    clearTimeout(late);
    sources.asked.add(sources.silent.remove(socket));
    socket.setTimeout(OPERATION_DEADLINE + CONTROL_DEADLINE);
    void reply(text.slice(0, end), socket, sources);
  });
}

/** Answers a line with one line, or with those of the log or the trace. Never rejects. */
async function reply(line: string, socket: Socket, sources: Sources): Promise<void> {
  try {
    const request = parseRequest(line);
    if (request.command === "logs") {
      streamLogs(socket, request, sources.controls.ring);
      if (request.follow) sources.asked.remove(socket);
    } else if (request.command === "trace") {
      streamTrace(socket, request, sources.feed);
      sources.asked.remove(socket);
    } else socket.end(`${JSON.stringify(await replyTo(request, sources))}\n`);
  } catch (error) {
    const answer: ControlAnswer = { error: redactText(error instanceof Error ? error.message : String(error)) };
    socket.end(`${JSON.stringify(answer)}\n`);
  }
}

function parseRequest(line: string): ControlRequest {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    throw new Error("the request is not JSON");
  }
  if (!isObject(request)) throw new Error("the request is no JSON object");
  const { command, plugin, name, params = {} } = request;
  if (command === "status" || command === "reload" || command === "stop" || command === "invocation") return { command };
  if (command === "logs") return { command, ...parseLogQuery(request) };
  if (command === "trace") return { command, ...parseTraceQuery(request) };
  if (command !== "operation")
    throw new Error('there are the commands "status", "reload", "stop", "invocation", "logs", "trace" and "operation"');
  if (typeof plugin !== "string" || typeof name !== "string" || !isObject(params))
    throw new Error('"operation" takes "plugin" and "name", two strings, and "params", an object');
  return { command, plugin, name, params };
}

async function replyTo(
  request: Exclude<ControlRequest, { command: "logs" | "trace" }>,
  { host, facts, controls }: Sources,
): Promise<ControlAnswer> {
  if (request.command === "reload") return { reloaded: await inTime(controls.reload(), "the reload") };
  if (request.command === "status") return { status: redact({ ...host.status(), ...facts }) as ControlStatus };
  if (request.command === "invocation") return { invocation: controls.invocation };
  if (request.command === "stop") {
    setImmediate(() => controls.stop()); // whoever asked is answered first
    return { stopping: { drain: host.config.drain } };
  }
  const { plugin, name, params = {} } = request;
  const result = await inTime(host.operate(plugin, name, params), `operation "${name}" of plugin "${plugin}"`);
  const bytes = Buffer.byteLength(JSON.stringify(result) ?? "");
  if (bytes > RESULT_BYTES)
    throw new Error(`operation "${name}" of plugin "${plugin}" gave ${bytes} bytes; an answer has at most ${RESULT_BYTES}`);
  return { result };
}

function inTime<T>(work: Promise<T>, what: string): Promise<T> {
  const late = (): never => {
    throw new Error(`${what} did not finish within ${OPERATION_DEADLINE} ms`);
  };
  return withDeadline(work, OPERATION_DEADLINE, late, { unref: true });
}
