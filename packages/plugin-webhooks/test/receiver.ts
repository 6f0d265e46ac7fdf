import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebhooksOptions, webhooks } from "@host/plugin-webhooks";
import type { Config, Exchange, Json } from "mcp-host";
import { definePlugin } from "mcp-host";
import {
  createTestHost,
  type FakeClock,
  type FakeUpstream,
  type FakeUpstreamSpec,
  fakeUpstream,
  type TestClientOptions,
  type TestHost,
} from "mcp-host/testing";
import { vi } from "vitest";

type Message = Json & { arguments: Json };

/** A question as it came. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** As far as these tests look; what a question leaves out is not there. */
  readonly body: Json & { payload: Message; context: Json; request: Message };
}

/** Somebody who is asked over HTTP, and answers as told. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
  /** Connections that were made, and requests that were given up before their answer. */
  readonly counts: { connections: number; aborted: number };
  /** A verdict, or a function that answers by itself. */
  answer: (question: Received, response: ServerResponse, request: IncomingMessage) => unknown;
}

export const VALID = { valid: true };

export async function receiver(answer: Receiver["answer"] = () => VALID): Promise<Receiver> {
  const counts = { connections: 0, aborted: 0 };
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    response.once("close", () => {
      if (!response.writableFinished) counts.aborted++;
    });
    request.on("end", async () => {
      const question = { headers: request.headers, text, body: JSON.parse(text) };
      received.push(question);
      const verdict = await made.answer(question, response, request);
      if (verdict === undefined) return; // it answers by itself, or hangs
      response.setHeader("content-type", "application/json").end(typeof verdict === "string" ? verdict : JSON.stringify(verdict));
    });
  });
  server.on("connection", () => counts.connections++);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const made: Receiver = {
    url: `http://127.0.0.1:${port}/check`,
    received,
    counts,
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return made;
}

type HookInput = NonNullable<WebhooksOptions["hooks"]>[number];

export interface Hooked extends AsyncDisposable {
  readonly host: TestHost;
  readonly up: FakeUpstream;
  readonly client: TestHost["client"];
  readonly settled: Exchange[];
  /** What was decided about each of them when it settled, as an audit log has it. */
  readonly decided: Exchange["decisions"][];
  /** What the plugin tells of its hooks. */
  report(): Json[];
  /** Lines of the log with this message. */
  lines(message: string | RegExp): Json[];
}

export const SPEC: FakeUpstreamSpec = {
  tools: {
    add: (args) => ({ content: [{ type: "text", text: JSON.stringify(args) }] }),
    drop: () => "dropped",
  },
  prompts: { pack: { arguments: [{ name: "city" }], get: ({ city }) => `pack for ${city}` } },
  resources: { "memory:///note": { mimeType: "text/plain", read: () => "a note" } },
};

/** A host with hooks in front of one server, `up`. */
export async function hooked(
  hooks: readonly (Partial<HookInput> & Pick<HookInput, "at" | "url">)[],
  more: {
    spec?: FakeUpstreamSpec;
    clock?: FakeClock;
    client?: TestClientOptions;
    plugins?: NonNullable<Config["plugins"]>;
    timeout?: string;
  } = {},
): Promise<Hooked> {
  const settled: Exchange[] = [];
  const decided: Exchange["decisions"][] = [];
  const look = definePlugin({
    name: "look",
    host: "^1.0.0",
    apply(host) {
      host.hooks.settled.tap("look", (exchange) => {
        settled.push(exchange);
        decided.push([...exchange.decisions]);
      });
    },
  });
  const up = fakeUpstream({ ...SPEC, ...more.spec });
  const named = hooks.map((hook, index) => ({ name: `hook${index}`, timeout: 20_000, ...hook }));
  const host = await createTestHost({
    plugins: [...(more.plugins ?? []), { use: webhooks({ hooks: named }), timeout: more.timeout ?? "30s" }, look()],
    upstreams: { up },
    ...(more.clock && { clock: more.clock }),
    ...(more.client && { client: more.client }),
  });
  return {
    host,
    up,
    client: host.client,
    settled,
    decided,
    report: () => (host.host.reports().webhooks as { hooks: Json[] }).hooks,
    lines: (message) =>
      host.log.filter((line) => (typeof message === "string" ? line.message === message : message.test(line.message))) as unknown as Json[],
    [Symbol.asyncDispose]: () => host.close(),
  };
}

/** Waits until something is so. */
export const until = (look: () => void | Promise<void>): Promise<void> => vi.waitFor(look, { timeout: 15_000 });
