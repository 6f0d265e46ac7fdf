import { defineCommand } from "citty";
import { choiceArgs, choiceOf, jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "drain", description: "Have a load balancer send nobody new to a running host, which serves on" },
  args: {
    end: { type: "boolean", description: "Take it back: /readyz tells again how the servers are" },
    ...choiceArgs,
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { askToDrain, findHost, findHosts } = await import("../operator/control-client.ts");
    const { counted } = await import("../wire/counted.ts");
    const { pid } = await findHost(choiceOf(args));
    const draining = args.end !== true;
    await askToDrain(pid, draining);
    const { sessions = 0, inFlight = 0 } = (await findHosts({ pid }))[0] ?? {};
    if (args.json) process.stdout.write(jsonText({ pid, draining, sessions, inFlight }));
    else
      process.stdout.write(
        draining
          ? `the host with pid ${pid} drains: /readyz answers 503; it has ${counted(sessions, "session")} and ${counted(inFlight, "call")} in flight\n`
          : `the host with pid ${pid} drains no more\n`,
      );
    return EXIT.ok.code;
  },
});
