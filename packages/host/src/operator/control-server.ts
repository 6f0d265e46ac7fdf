import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Logger } from "../log.ts";
import { redactText } from "../redact.ts";
import { withDeadline } from "../wire/deadline.ts";
import { isObject, type Json } from "../wire/message.ts";
import { admitClient, type ClientDoor } from "./control-clients.ts";
import { CONTROL_DEADLINE, type ControlAnswer, OPERATION_DEADLINE, REQUEST_BYTES } from "./control-protocol.ts";
import { controlAddress, runningHosts, WINDOWS } from "./control-socket.ts";
import { parseLogQuery } from "./log-query.ts";
import type { LogRing } from "./log-ring.ts";
import { streamLogs } from "./log-stream.ts";
import type { OperatorDesk } from "./operator-desk.ts";
import { parseTraceQuery } from "./trace-query.ts";
import { streamTrace, type TraceFeed } from "./trace-stream.ts";

/** Connections that have not asked, and those that have: readers of the log are counted where they are kept. */
const SILENT = 16;
const ASKED = 64;
/** Milliseconds in which there may be more of them. */
const MOMENT = 100;
/** Milliseconds that the last answers may take on their way out. */
const LAST_WORDS = 1_000;
/** Connections of any kind; beyond that the system is told to turn them away. */
const CONNECTIONS = 512;
/**
 * Answers what is asked on a local socket, one per process, mode 0600, never on the network. A host that cannot open it serves
 * all the same. Gives a function that closes it, and resolves once whoever asked has been answered.
 */
export async function serveControl(given: ControlSources, log: Logger): Promise<() => Promise<void>> {
  const { ring, feed } = given;
  try {
    runningHosts(); // clears what dead hosts left
    const address = controlAddress(process.pid);
    if (!WINDOWS) rmSync(address, { force: true });
    const sources = { ...given, silent: new Newest(SILENT), asked: new Newest(ASKED) };
    const server = createServer((socket) => answer(socket, sources));
    server.maxConnections = CONNECTIONS;
    server.unref();
    await listening(server, address, log);
    if (!WINDOWS) chmodSync(address, 0o600);
    const close = (): void => {
      process.off("exit", close);
      server.close();
      ring.end();
      feed.end();
      if (!WINDOWS) rmSync(address, { force: true });
    };
    process.once("exit", close);
    return () => {
      close();
      return sources.asked.gone(LAST_WORDS); // what ended the host may be what somebody asked for
    };
  } catch (error) {
    log.warn("the control socket could not be opened, so `mcp-host status` will not find this host", { reason: (error as Error).message });
    return async () => {};
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
export interface ControlSources {
  readonly desk: OperatorDesk;
  /** The last lines of the log. */
  readonly ring: LogRing;
  readonly feed: TraceFeed;
  readonly door: ClientDoor;
}

interface Sources extends ControlSources {
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
  #whenGone: (() => void) | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.remove(socket));
    if (this.#sockets.size > this.#most) this.#trim ??= setTimeout(() => this.#end(), MOMENT).unref();
  }

  #end(): void {
    this.#trim = undefined;
    for (const oldest of [...this.#sockets].slice(0, -this.#most)) this.remove(oldest).destroy();
  }

  remove(socket: Socket): Socket {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#whenGone?.();
    return socket;
  }

  /** Resolves when there are none, or after so many milliseconds. */
  gone(milliseconds: number): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    const none = new Promise<void>((resolve) => (this.#whenGone = resolve));
    return withDeadline(none, milliseconds, () => {});
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

/** Answers a line with one line, with those of the log or the trace, or by a conversation. Never rejects. */
async function reply(line: string, socket: Socket, { desk, ring, feed, door, asked }: Sources): Promise<void> {
  let answer: ControlAnswer;
  try {
    const { command, ...request } = parseRequest(line);
    if (command === "logs") {
      const query = parseLogQuery(request);
      streamLogs(socket, query, ring);
      if (query.follow) asked.remove(socket);
      return;
    }
    if (command === "trace") {
      streamTrace(socket, parseTraceQuery(request), feed);
      asked.remove(socket);
      return;
    }
    if (command === "client") {
      admitClient(socket, request.endpoint, door);
      asked.remove(socket);
      return;
    }
    const { params = {} } = request;
    if (!isObject(params)) throw new Error('"params" must be an object');
    answer = { result: await desk.runFor("socket", command, params) };
  } catch (error) {
    answer = { error: redactText(error instanceof Error ? error.message : String(error)) };
  }
  socket.end(`${JSON.stringify(answer)}\n`);
}

function parseRequest(line: string): Json & { command: string } {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    throw new Error("the request is not JSON");
  }
  if (!isObject(request)) throw new Error("the request is no JSON object");
  const { command } = request;
  if (typeof command !== "string") throw new Error('"command" must be "logs", "trace", "client" or the name of an operation');
  return { ...request, command };
}
