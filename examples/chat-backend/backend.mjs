// The backend as a request handler: the page, the chat, the paths that manage the host.
import { readFileSync } from "node:fs";
import { answer } from "./chat.mjs";
import { management } from "./management.mjs";

/** Longest conversation, in bytes and in messages. */
const BYTES = 256 * 1024;
const MESSAGES = 100;
/** How long an answer may take in all. */
const PATIENCE = 120_000;

// Scripts and styles of the page itself and of nobody else: whatever a model or a tool says, none of it runs.
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

const file = (name, type) => ({ type, text: readFileSync(new URL(`page/${name}`, import.meta.url)) });
const PAGE = new Map([
  ["/", file("index.html", "text/html; charset=utf-8")],
  ["/page.js", file("page.js", "text/javascript; charset=utf-8")],
  ["/page.css", file("page.css", "text/css; charset=utf-8")],
]);

/**
 * @param host the MCP host
 * @param model `{ client, name }`: a client of the `openai` package, and the model's name there
 * @param guard lets a request in and gives its principal: `host.guard(…)`
 * @param isOperator `(principal, path) => boolean`: who may manage the host
 */
export function backend({ host, model, guard, isOperator }) {
  const manage = management(host, { guard, isOperator });
  return (request, response) =>
    manage(request, response, () => {
      const [path] = request.url.split("?", 1);
      const page = PAGE.get(path);
      if (page && request.method === "GET") {
        response.writeHead(200, { "content-type": page.type, "content-security-policy": POLICY, "x-content-type-options": "nosniff" });
        response.end(page.text);
      } else if (path === "/api/chat" && request.method === "POST") void chat({ host, model, guard }, request, response);
      else response.writeHead(404).end();
    });
}

/** Answers the conversation in the body, as one line of JSON for each thing that happens; see chat.mjs. The last is `done` or `error`. */
async function chat({ host, model, guard }, request, response) {
  let principal;
  let messages;
  try {
    principal = await guard(request);
    messages = conversationOf(await bodyOf(request));
  } catch (error) {
    response.writeHead(error.status ?? 500, { "content-type": "application/json", connection: "close" });
    return response.end(JSON.stringify({ error: error.message }));
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort(new Error("the page has gone")));
  const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(PATIENCE)]);
  response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store", "x-content-type-options": "nosniff" });
  const tell = (event) => void response.write(`${JSON.stringify(event)}\n`);
  try {
    await answer({ host, model, messages, principal, signal, tell });
    tell({ type: "done" });
  } catch (error) {
    tell({ type: "error", reason: signal.aborted ? "the answer took too long" : error.message });
  }
  response.end();
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BYTES) throw unfit(413, `a conversation has at most ${BYTES} bytes`);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw unfit(400, "the body is not JSON");
  }
}

/** The messages of a body, and of each nothing but what it says: a page does not speak as the system or as a tool. */
function conversationOf(body) {
  const messages = Array.isArray(body?.messages) ? body.messages : [];
  const fit = messages.every((each) => (each?.role === "user" || each?.role === "assistant") && typeof each.content === "string");
  if (!fit || messages.length > MESSAGES || messages.at(-1)?.role !== "user")
    throw unfit(400, `there must be 1 to ${MESSAGES} messages, each { role: "user" or "assistant", content }, and a question last`);
  return messages.map(({ role, content }) => ({ role, content }));
}

function unfit(status, message) {
  return Object.assign(new Error(message), { status });
}
