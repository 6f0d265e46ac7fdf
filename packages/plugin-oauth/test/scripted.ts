import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll } from "vitest";

export type Answer = { status?: number; headers?: Record<string, string>; body?: unknown };
/** By path; what is not there is answered with 404. */
export type Answers = Record<string, Answer | ((request: IncomingMessage, body: string) => Answer)>;

let answers: Answers = {};
/** What was asked of it since {@link script}. */
export let asked: { path: string; body: string; headers: IncomingMessage["headers"] }[] = [];
/** Where it is, while tests run. */
export let origin = "";

/** Says what the server of a test file answers from now on. */
export function script(given: Answers): void {
  answers = given;
  asked = [];
}

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => {
    const path = request.url ?? "";
    asked.push({ path, body, headers: request.headers });
    const found = answers[path];
    const {
      status = 200,
      headers = {},
      body: given,
    } = (typeof found === "function" ? found(request, body) : found) ?? { status: 404, body: {} };
    response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(typeof given === "string" ? given : JSON.stringify(given ?? {}));
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
