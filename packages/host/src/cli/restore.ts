import { defineCommand } from "citty";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { UsageError } from "../operator/usage-error.ts";
import type { PutBack } from "./backup/put-back.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { jsonText } from "./terminal/json-text.ts";
import { table } from "./terminal/table.ts";

export default defineCommand({
  meta: { name: "restore", description: "Put what a backup holds where it belongs on this machine" },
  args: {
    folder: { type: "positional", required: true, description: "The folder that `backup` has made" },
    to: { type: "string", valueHint: "folder", description: "Where the config belongs. Default: here" },
    force: { type: "boolean", description: "Replace what is there and differs; it is kept beside" },
    "dry-run": { type: "boolean", description: "Only tell what would be done" },
    ...jsonArgs,
  },
  async run({ args }): Promise<ExitCode> {
    const { resolve } = await import("node:path");
    const { findHosts } = await import("../operator/control-client.ts");
    const { readManifest, targetOf } = await import("./backup/manifest.ts");
    const { planOf, putBack } = await import("./backup/put-back.ts");
    const [folder, to] = [resolve(args.folder), resolve(args.to ?? ".")];
    const manifest = readManifest(folder);
    const plan = await planOf(folder, manifest, to);
    const differing = plan.filter(({ state }) => state === "replaced");
    if (!args["dry-run"]) {
      const config = manifest.files.find(({ what }) => what === "config");
      const running = config && (await findHosts({ config: targetOf(config, to) }))[0];
      if (running) throw new UsageError(`the host with pid ${running.pid} runs on that config; \`mcp-host stop\` it first`);
      if (differing.length > 0 && !args.force)
        throw new UsageError(
          `${differing.map(({ path }) => path).join(", ")} is there and differs; --force replaces it and keeps it beside`,
        );
    }
    const done = args["dry-run"] ? plan : putBack(folder, manifest, plan, new Date());
    if (args.json) process.stdout.write(jsonText({ folder, files: done, elsewhere: manifest.elsewhere, written: !args["dry-run"] }));
    else
      process.stdout.write(`${escapeControls(table(done.map((file) => [file.what, file.path, words(file, args["dry-run"] === true)])))}\n`);
    if (!args.json && manifest.elsewhere.length > 0)
      process.stderr.write(
        `${escapeControls(`mcp-host: not in the backup, and needed before the host starts: ${manifest.elsewhere.join(", ")}`)}\n`,
      );
    return EXIT.ok.code;
  },
});

function words({ state, aside }: PutBack, dry: boolean): string {
  if (state === "same") return "is the same already";
  if (state === "new") return dry ? "would be put there" : "put there";
  return dry ? "is there and differs" : `replaced; what was there is ${aside}`;
}
