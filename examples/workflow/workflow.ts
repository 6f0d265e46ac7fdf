import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import jsonata from "jsonata";
import { ConfigError, definePlugin, defineTool, type Exchange, isObject, type Json, type OfferToolResult } from "mcp-host";
import { parse } from "yaml";
import { z } from "zod";

/** A value of a workflow: a text that begins with `= ` is a JSONata expression over what is known, anything else stands for itself. */
const value = z.json();
const when = { if: z.string().optional() };

const call = z.strictObject({ id: z.string(), call: z.string(), arguments: z.record(z.string(), value).default({}), ...when });
const ask = z.strictObject({
  id: z.string(),
  ask: z.string(),
  fields: z.record(z.string(), z.record(z.string(), value)).default({}),
  ...when,
});
const stop = z.strictObject({ stop: z.string(), ...when });
const parallel = z.strictObject({ parallel: z.array(call).min(1), ...when });
const step = z.union([call, ask, stop, parallel], "is a step with one of: call, ask, stop, parallel");

const workflow = z.strictObject({
  name: z.string(),
  description: z.string(),
  /** JSON Schema of the tool's arguments. */
  inputs: z.record(z.string(), value).default({ type: "object" }),
  steps: z.array(step).min(1),
  result: value,
});

type Step = z.output<typeof step>;
/** What expressions speak of: `inputs`, and what came of each step by its id. */
type Known = Record<string, unknown>;

/** Offers each workflow of the named YAML files as one tool, whose steps call other tools as whoever called it. */
export default definePlugin({
  name: "workflow",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({ files: z.array(z.string()).min(1) }),
  apply(host, { files }) {
    const tools = files.map((name) => {
      const file = resolve(host.folder, name);
      host.reload.dependsOn(file);
      const parsed = workflow.safeParse(parse(readFileSync(file, "utf8")));
      if (!parsed.success) throw new ConfigError([`${name}: ${z.prettifyError(parsed.error)}`]);
      const { data } = parsed;
      const tool = defineTool({
        description: data.description,
        input: data.inputs as Json,
        call: (inputs, { exchange }) => run(data, { inputs }, exchange),
      });
      return [data.name, tool] as const;
    });
    host.offer({ tools: Object.fromEntries(tools) });
  },
});

async function run({ steps, result }: z.output<typeof workflow>, known: Known, exchange: Exchange): Promise<OfferToolResult> {
  for (const each of steps) {
    const words = await taken(each, known, exchange);
    if (words !== undefined) return told(words, true);
  }
  return told(await evaluated(result, known), false);
}

/** Takes a step, and notes what came of it. Gives what ends the workflow before its end. */
async function taken(each: Step, known: Known, exchange: Exchange): Promise<unknown> {
  if (each.if !== undefined && !(await evaluated(each.if, known))) return undefined;
  if ("stop" in each) return evaluated(each.stop, known);
  if ("ask" in each) {
    const { action, content } = await exchange.ask("elicitation/create", {
      message: String(await evaluated(each.ask, known)),
      requestedSchema: { type: "object", properties: each.fields },
    });
    known[each.id] = { action, content };
    return undefined;
  }
  const calls = "parallel" in each ? each.parallel : [each];
  const outcomes = await Promise.all(calls.map((one) => called(one, known, exchange)));
  return outcomes.find((words) => words !== undefined);
}

async function called(
  { id, call: name, arguments: args, if: wanted }: z.output<typeof call>,
  known: Known,
  exchange: Exchange,
): Promise<unknown> {
  if (wanted !== undefined && !(await evaluated(wanted, known))) return undefined;
  const result = await exchange.call("tools/call", { name, arguments: (await evaluated(args, known)) as Json }); // an object stays one
  const content = Array.isArray(result.content) ? result.content : [];
  const text = content.flatMap((item) => (isObject(item) && item.type === "text" ? [item.text] : [])).join("\n");
  known[id] = { text, structured: result.structuredContent };
  return result.isError === true ? `step "${id}" failed: ${text}` : undefined;
}

/** A value with its expressions replaced by what they give. */
async function evaluated(written: unknown, known: Known): Promise<unknown> {
  if (typeof written === "string") return written.startsWith("= ") ? await jsonata(written.slice(2)).evaluate(known) : written;
  if (Array.isArray(written)) return Promise.all(written.map((item) => evaluated(item, known)));
  if (!isObject(written)) return written;
  return Object.fromEntries(await Promise.all(Object.entries(written).map(async ([key, item]) => [key, await evaluated(item, known)])));
}

function told(words: unknown, isError: boolean): OfferToolResult {
  return {
    content: [{ type: "text", text: typeof words === "string" ? words : JSON.stringify(words ?? null) }],
    ...(isError && { isError }),
  };
}
