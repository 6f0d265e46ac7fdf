import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { redactText } from "../redact.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { askArgs, configArgs, endpointArgs, logArgs } from "./command-line/options.ts";
import { describeMissing } from "./one-shot/startup.ts";
import type { TokenCounts } from "./one-shot/token-count.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { table } from "./terminal/table.ts";

/** Tools that are shown to people. */
const MOST_TOOLS = 10;

export default defineCommand({
  meta: { name: "tokens", description: "Show what the tools of servers and endpoints cost a model, estimated" },
  args: {
    ...jsonArgs,
    ...configArgs,
    ...askArgs,
    ...endpointArgs,
    ...logArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const [{ withHost }, { tokenCounts }] = await Promise.all([import("./one-shot/with-host.ts"), import("./one-shot/token-count.ts")]);
    const output = claimStdout();
    const { starts, counts, note } = await withHost({ flags: args, rawArgs }, async (host) => ({
      starts: await host.started(),
      counts: await tokenCounts(host, args.endpoint),
      note: host.note === undefined ? [] : [`mcp-host: ${host.note}`],
    }));
    output.write(args.json ? jsonText(counts) : `${escapeControls(redactText(pageOf(counts)))}\n`);
    for (const line of [...note, ...describeMissing(starts)]) process.stderr.write(`${escapeControls(redactText(line))}\n`);
    return starts.length > 0 && starts.every(({ ok }) => !ok) ? EXIT.failure.code : EXIT.ok.code;
  },
});

const number = (value: number): string => value.toLocaleString("en-US");

/** The tables for people. */
function pageOf({ tokenizer, all, servers, endpoints, tools }: TokenCounts): string {
  const rest = tools.length - MOST_TOOLS;
  const costly = tools.slice(0, MOST_TOOLS).map(({ name, server, tokens }) => [name, number(tokens), server]);
  return [
    table([
      ["SERVER", "TOOLS", "TOKENS"],
      ...servers.map(({ name, tools, tokens }) => [name, number(tools), number(tokens)]),
      ["all", number(all.tools), number(all.tokens)],
    ]),
    table([
      ["ENDPOINT", "TOOLS", "TOKENS", "SAVED"],
      ...endpoints.map(({ name, failed, tools = 0, tokens = 0, saved = 0 }) =>
        failed === undefined
          ? [name ?? "(unnamed)", number(tools), number(tokens), share(saved, all.tokens)]
          : [name ?? "(unnamed)", "–", "–", failed],
      ),
    ]),
    ...(tools.length === 0 ? [] : [table([["TOOL", "TOKENS", "SERVER"], ...costly])]),
    `${rest > 0 ? `${number(rest)} tools more with --json. ` : ""}Estimated with ${tokenizer}: models differ.`,
  ].join("\n\n");
}

function share(saved: number, all: number): string {
  return all === 0 || saved <= 0 ? "–" : `${((saved / all) * 100).toFixed(1)} %`;
}
