import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as the endpoint got it. */
export interface Asked {
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly { role: string; content: string | null; tool_calls?: unknown; tool_call_id?: string }[];
  readonly tools?: readonly { function: { name: string; description: string; parameters: unknown } }[];
}

/** What the model says: calls, text, both, a refusal of the endpoint, or nothing until whoever asks goes away. */
export type Said =
  | { readonly text?: readonly string[]; readonly calls?: readonly { name: string; arguments: string }[] }
  | { readonly status: number; readonly message: string }
  | "silence";

export interface ScriptedModel extends AsyncDisposable {
  /** What `OPENAI_BASE_URL` is to be. */
  readonly url: string;
  /** Every request so far. */
  readonly asked: Asked[];
  /** Resolves when somebody that was left in silence has gone. */
  readonly gone: Promise<void>;
}

/** An OpenAI-compatible endpoint on a free port of this machine, which says what `script` says to each request. It streams in small pieces, as real ones do. */
export async function scriptedModel(script: (asked: Asked, turn: number) => Said): Promise<ScriptedModel> {
  const asked: Asked[] = [];
  let leave = (): void => {};
  const gone = new Promise<void>((left) => (leave = left));
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    if (request.url !== "/v1/chat/completions") return void response.writeHead(404).end();
    const told = JSON.parse(body) as Asked;
    const turn = asked.push(told) - 1;
    const said = script(told, turn);
    if (said === "silence") {
      response.once("close", leave);
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    } else if ("status" in said) {
      response.writeHead(said.status, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: said.message } }));
    } else stream(response, said);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    gone,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

function stream(response: ServerResponse, { text = [], calls = [] }: Exclude<Said, "silence" | { status: number }>): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (delta: unknown, finish_reason: string | null = null): void => {
    const chunk = {
      id: "1",
      object: "chat.completion.chunk",
      created: 0,
      model: "scripted",
      choices: [{ index: 0, delta, finish_reason }],
    };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  for (const content of text) send({ content });
  for (const [index, { name, arguments: args }] of calls.entries()) {
    const half = Math.floor(args.length / 2);
    send({ tool_calls: [{ index, id: `call_${index}`, type: "function", function: { name, arguments: "" } }] });
    for (const part of [args.slice(0, half), args.slice(half)]) send({ tool_calls: [{ index, function: { arguments: part } }] });
  }
  send({}, calls.length > 0 ? "tool_calls" : "stop");
  response.end("data: [DONE]\n\n");
}
