import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { choiceArgs, choiceOf, jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "reconnect", description: "Have a running host connect to one of its servers anew" },
  args: {
    name: { type: "positional", required: true, valueHint: "name", description: "What the server is called in the config" },
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { askToReconnect, findHost, findHosts } = await import("../operator/control-client.ts");
    const { summaryOf } = await import("./terminal/upstream-summary.ts");
    const { pid } = await findHost(choiceOf(args));
    await askToReconnect(pid, args.name);
    const [host] = await findHosts({ pid });
    const upstream = host?.upstreams.find(({ name }) => name === args.name);
    const { state, entries } = upstream ?? {};
    if (args.json) process.stdout.write(jsonText({ pid, server: args.name, state, entries }));
    else
      process.stdout.write(`${escapeControls(`server "${args.name}" was connected anew${upstream ? `: ${summaryOf(upstream)}` : ""}`)}\n`);
    return EXIT.ok.code;
  },
});
