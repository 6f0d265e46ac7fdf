import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { isObject, type Json } from "../../wire/message.ts";
import { PeerError } from "../../wire/peer-error.ts";
import { type AskedHost, listOf } from "./asked-host.ts";

/** Which tokenizer counts: models differ, and none but its own makers' is told what another one's are. */
export const TOKENIZER = "o200k_base";

/** Characters that are counted at once: a word without end takes the square of its length. */
const PIECE = 2_000;
/** Entries of a page, the most that the operation gives. */
const PAGE = 1_000;

interface Cost {
  readonly tools: number;
  readonly tokens: number;
}

/** What tools cost a model, estimated. */
export interface TokenCounts {
  readonly isEstimate: true;
  readonly tokenizer: typeof TOKENIZER;
  /** All that the host offers, whatever is listed to whom. */
  readonly all: Cost;
  /** By key, what costs most first. */
  readonly servers: readonly (Cost & { readonly name: string })[];
  /** What a client is listed by each endpoint, null being the unnamed one. `failed` where it was refused. */
  readonly endpoints: readonly (Partial<Cost> & { readonly name: string | null; readonly saved?: number; readonly failed?: string })[];
  /** What costs most first. */
  readonly tools: readonly { readonly name: string; readonly server: string; readonly tokens: number }[];
}

/** Counts what the host's tools cost, all of them and those that each endpoint lists. */
export async function tokenCounts(host: AskedHost, own: string | undefined): Promise<TokenCounts> {
  const tools = (await toolsOf(host)).map(({ name, upstream, definition }) => ({
    name,
    server: upstream,
    tokens: costOf(name, definition),
  }));
  const all = total(tools);
  const servers = new Map<string, { tools: number; tokens: number }>();
  for (const { server, tokens } of tools) {
    const sum = servers.get(server) ?? { tools: 0, tokens: 0 };
    servers.set(server, { tools: sum.tools + 1, tokens: sum.tokens + tokens });
  }
  const names = own === undefined ? [undefined, ...(await host.endpoints()).map(({ name }) => name)] : [own];
  const endpoints: TokenCounts["endpoints"][number][] = [];
  for (const name of names) endpoints.push({ name: name ?? null, ...(await listedAt(host, name, all.tokens)) });
  return {
    isEstimate: true,
    tokenizer: TOKENIZER,
    all,
    servers: [...servers].map(([name, cost]) => ({ name, ...cost })).sort((a, b) => b.tokens - a.tokens),
    endpoints,
    tools: tools.sort((a, b) => b.tokens - a.tokens),
  };
}

async function listedAt(
  host: AskedHost,
  endpoint: string | undefined,
  all: number,
): Promise<(Cost & { saved: number }) | { failed: string }> {
  try {
    const listed = await listOf({ request: (method) => host.requestAt(endpoint, method) }, "tools");
    const cost = total(listed.map((tool) => ({ tokens: costOf(tool.name, tool) })));
    return { ...cost, saved: all - cost.tokens };
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    return { failed: error.message };
  }
}

function total(tools: readonly { readonly tokens: number }[]): Cost {
  return { tools: tools.length, tokens: tools.reduce((sum, { tokens }) => sum + tokens, 0) };
}

interface Listed {
  readonly name: string;
  readonly upstream: string;
  readonly definition: Json;
}

async function toolsOf(host: AskedHost): Promise<Listed[]> {
  const tools: Listed[] = [];
  let cursor: unknown;
  do {
    const page = await host.catalog({ kind: "tool", definitions: true, limit: PAGE, ...(typeof cursor === "string" && { cursor }) });
    tools.push(...(page.entries as Listed[])); // as the operation's result says
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return tools;
}

/** What clients put before a model: name, description and schema. */
function costOf(name: unknown, { description, inputSchema }: Json): number {
  return count(JSON.stringify({ name, description, inputSchema: isObject(inputSchema) ? inputSchema : undefined }));
}

function count(text: string): number {
  let sum = 0;
  // What looks like a mark of the tokenizer is text here, as it is to a model's maker.
  for (let at = 0; at < text.length; at += PIECE) sum += countTokens(text.slice(at, at + PIECE), { disallowedSpecial: new Set() });
  return sum;
}
