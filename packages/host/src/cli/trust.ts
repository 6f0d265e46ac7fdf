import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";

import { jsonText } from "./terminal/json-text.ts";

export default defineCommand({
  meta: { name: "trust", description: "Let a config in code run where it is found, until it changes" },
  args: {
    file: { type: "positional", required: false, valueHint: "file", description: "The config. Default: the one here" },
    revoke: { type: "boolean", description: "Take that back" },
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { locateConfig, located } = await import("../config/locate.ts");
    const { checkConfigFile } = await import("../config/read.ts");
    const { distrust, isCode, trust } = await import("../config/trust.ts");
    const path = await locateConfig(args.file);
    await located(path, () => checkConfigFile(path));
    const code = isCode(path);
    if (code) (args.revoke ? distrust : trust)(path);
    if (args.json) process.stdout.write(jsonText({ path, trusted: !code || args.revoke !== true }));
    else process.stdout.write(escapeControls(`${describe(path, code, args.revoke === true)}\n`));
    return EXIT.ok.code;
  },
});

function describe(path: string, code: boolean, revoked: boolean): string {
  if (!code) return `${path} needs no trust: nothing of it runs when it is read`;
  return revoked ? `${path} is not trusted any more` : `${path} is trusted until it changes`;
}
