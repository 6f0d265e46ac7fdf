// One client's visit to a server, the same whether it is behind the host or not, and the account that is kept of it.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, ResultSchema } from "@modelcontextprotocol/sdk/types.js";

const ANSWER_MS = 60_000;
/** More pages than a server of the zoo has. */
const PAGES = 50;

/** The key of the server in the host's config. */
export const SERVER = "server";

const LISTS = {
  tools: "tools/list",
  prompts: "prompts/list",
  resources: "resources/list",
  resourceTemplates: "resources/templates/list",
};

/**
 * Connects, reads every list and asks everything. What comes is kept as it came: the SDK's client is only told that it is a result.
 * `leaving` is called before the client goes.
 * @throws where `initialize` is not answered
 */
export async function visit(transport, asks, { patience, leaving = () => {} }) {
  const client = new Client({ name: "zoo", version: "1.0.0" }, { capabilities: { roots: {}, sampling: {}, elicitation: {} } });
  const asked = answerQuestions(client);
  // The client drops progress that is in one chunk with its answer; here it passes before the client has it.
  let progress = [];
  transport.onmessage = ({ method, params }) => {
    if (method === "notifications/progress") progress.push(params);
  };
  try {
    await client.connect(transport, { timeout: patience });
    const account = {
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
      lists: {},
      answers: [],
      asked,
    };
    for (const [field, method] of Object.entries(LISTS)) account.lists[field] = await listed(client, method, field);
    for (const { name, method, params } of asks) {
      progress = [];
      const answer = await outcome(client, method, params, { onprogress() {} });
      account.answers.push({ name, progress, ...answer });
    }
    await leaving();
    return account;
  } finally {
    await client.close();
  }
}

/** Every page of a list; an error in its place. What the host says of a list that its only server did not give stands beside it. */
async function listed(client, method, field) {
  const entries = [];
  let cursor;
  for (let page = 0; page < PAGES; page++) {
    const { result, error } = await outcome(client, method, cursor === undefined ? {} : { cursor });
    if (error) return { error };
    entries.push(...(result[field] ?? []));
    if (result.nextCursor === undefined) return { entries, incomplete: result._meta?.["io.mcp-host/incomplete"]?.[SERVER] };
    cursor = result.nextCursor;
  }
  throw new Error(`${method} has more than ${PAGES} pages`);
}

async function outcome(client, method, params, options) {
  try {
    return { result: await client.request({ method, params }, ResultSchema, { timeout: ANSWER_MS, ...options }) };
  } catch (error) {
    return { error: { code: error.code, message: error.message, data: error.data } };
  }
}

/** The client answers what servers ask, always the same; gives what was asked. */
function answerQuestions(client) {
  const asked = [];
  const answer = (schema, result) =>
    client.setRequestHandler(schema, ({ method, params: { _meta, ...params } = {} }) => {
      asked.push({ method, params });
      return result;
    });
  answer(ListRootsRequestSchema, { roots: [{ uri: "file:///otters", name: "otters" }] });
  answer(CreateMessageRequestSchema, { role: "assistant", model: "none", content: { type: "text", text: "Something." } });
  answer(ElicitRequestSchema, { action: "decline" });
  return asked;
}
