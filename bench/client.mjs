// MCP clients of the bench, over HTTP and over stdio: open(), request(method, params), close(). Answers are matched by id.
import { randomBytes } from "node:crypto";
import { Agent, request } from "node:http";
import { framed } from "./frames.mjs";
import { start, stop } from "./measure.mjs";

const initialize = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "bench", version: "1.0.0" } };
/** What every request of 2026-07-28 says, which needs no beginning. */
export const MODERN = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": initialize.clientInfo,
  "io.modelcontextprotocol/clientCapabilities": {},
};
const initialized = { jsonrpc: "2.0", method: "notifications/initialized" };
const PATIENCE = 30_000;
/** What every HTTP client says it is, whether anybody asks or not. */
export const KEY = `mcph_bench_${randomBytes(32).toString("base64url")}`;
let last = 0;

/** Sockets of one measured gateway. `resets` counts idle ones that the server closed just as a call was sent. */
export function sockets() {
  return Object.assign(new Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 512, scheduling: "fifo" }), { resets: 0 });
}

function unpack(answer, id) {
  if (answer.id !== id) throw new Error("an answer to another request");
  if (answer.error) throw new Error(`${answer.error.code} ${answer.error.message}`);
  return answer.result;
}

export class HttpClient {
  /** @param era that it speaks: "legacy" with a session, "modern" without */
  constructor(url, agent, era) {
    this.isModern = era === "modern";
    const { hostname: host, port, pathname, search } = new URL(url);
    this.to = { host, port, path: pathname + search, agent };
    this.headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${KEY}`,
    };
    if (this.isModern) this.headers["mcp-protocol-version"] = "2026-07-28";
  }

  async open() {
    if (this.isModern) return void (await this.request("server/discover", {}));
    const { protocolVersion } = await this.request("initialize", initialize);
    this.headers["mcp-protocol-version"] = protocolVersion;
    await this.send("POST", JSON.stringify(initialized));
  }

  async request(method, params) {
    const id = ++last;
    const named = this.isModern && { "mcp-method": method, ...(params.name !== undefined && { "mcp-name": params.name }) };
    const sent = this.isModern ? { ...params, _meta: MODERN } : params;
    const body = await this.send("POST", JSON.stringify({ jsonrpc: "2.0", id, method, params: sent }), named);
    return unpack(JSON.parse(body), id);
  }

  /** One HTTP exchange; gives the body. */
  send(method, body = "", more = {}, again = false) {
    return new Promise((resolve, reject) => {
      const headers = { ...this.headers, ...more, "content-length": Buffer.byteLength(body) };
      const outgoing = request({ ...this.to, method, headers });
      const timer = setTimeout(() => outgoing.destroy(new Error("no answer in time")), PATIENCE);
      let answered = false;
      outgoing.on("error", (error) => {
        clearTimeout(timer);
        // What any HTTP client does: a kept socket that was closed meanwhile never carried the call.
        if (error.code !== "ECONNRESET" || !outgoing.reusedSocket || answered || again) return reject(error);
        this.to.agent.resets++;
        this.send(method, body, more, true).then(resolve, reject);
      });
      outgoing.on("response", (response) => {
        answered = true;
        const session = response.headers["mcp-session-id"];
        if (session) this.headers["mcp-session-id"] = session;
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          clearTimeout(timer);
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode >= 300) return reject(new Error(`HTTP ${response.statusCode}`));
          // A gateway may answer with a stream; ours, and the forwarder, do so only for what takes long.
          resolve(text.startsWith("{") ? text : text.slice(text.lastIndexOf("data: ") + 6));
        });
      });
      outgoing.end(body);
    });
  }

  /** Opens the standing GET stream that clients keep, on a socket of its own. */
  async listen() {
    await new Promise((resolve, reject) => {
      const headers = { ...this.headers, accept: "text/event-stream" };
      this.stream = request({ ...this.to, agent: false, method: "GET", headers }, (response) => {
        response.on("error", () => {}).resume(); // we end it ourselves
        if (response.statusCode === 200) resolve();
        else reject(new Error(`HTTP ${response.statusCode} to GET`));
      });
      this.stream.on("error", reject);
      this.stream.end();
    });
  }

  async close() {
    this.stream?.destroy();
    if (!this.isModern) await this.send("DELETE");
  }
}

export class StdioClient {
  constructor(argv, options, era) {
    this.isModern = era === "modern";
    this.process = start(argv, { ...options, stdout: "pipe" });
    this.waiting = new Map();
    framed(this.process.child.stdout, (line) => {
      const answer = JSON.parse(line);
      this.waiting.get(answer.id)?.(answer);
    });
    this.process.exited.then(() => {
      for (const [id, settle] of this.waiting) settle({ id, error: { code: "exit", message: this.process.stderr() } });
    });
  }

  async open() {
    if (this.isModern) return void (await this.request("server/discover", {}));
    await this.request("initialize", initialize);
    this.process.child.stdin.write(`${JSON.stringify(initialized)}\n`);
  }

  async request(method, params) {
    const id = ++last;
    const sent = this.isModern ? { ...params, _meta: MODERN } : params;
    const answer = await new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE, { id, error: { code: "bench", message: "no answer in time" } });
      this.waiting.set(id, (value) => {
        clearTimeout(timer);
        resolve(value);
      });
      this.process.child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params: sent })}\n`);
    });
    this.waiting.delete(id);
    return unpack(answer, id);
  }

  close() {
    return stop(this.process);
  }
}
