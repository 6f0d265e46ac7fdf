import { defineCommand } from "citty";
import { docsPage } from "../config/documentation.ts";
import { escapeControls } from "../log.ts";
import { jsonArgs } from "../operator/host-choice.ts";
import { counted } from "../wire/counted.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs } from "./command-line/options.ts";
import type { Finding } from "./doctor/findings.ts";
import { painter, type Style } from "./terminal/colours.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";
import { hanging } from "./terminal/wrap.ts";

export default defineCommand({
  meta: { name: "doctor", description: "Look for what is wrong: Node.js, config, plugins, commands, port, servers, running hosts" },
  args: {
    connect: {
      type: "boolean",
      default: true,
      description: "Start each server and connect to it",
      negativeDescription: "Start no server",
    },
    offline: { type: "boolean", description: "The same as --no-connect" },
    "insecure-no-auth": { type: "boolean", description: "As in `start`" },
    ...jsonArgs,
    ...configArgs,
  },
  async run({ args, rawArgs }): Promise<ExitCode> {
    const { examine } = await import("./doctor/examine.ts");
    const output = claimStdout();
    const findings = await examine(args, rawArgs);
    const ok = findings.every(({ level }) => level !== "problem");
    output.write(args.json ? jsonText({ ok, findings }) : `${described(findings)}\n`);
    return ok ? EXIT.ok.code : EXIT.failure.code;
  },
});

const STYLES: Record<Finding["level"], Style> = { ok: "green", warning: "yellow", problem: "red" };

function described(findings: readonly Finding[]): string {
  const paint = painter(process.stdout);
  const width = Math.max(...findings.map(({ id }) => id.length));
  const lines = findings.map(({ id, level, about, found, remedy }) => {
    const [first = "", ...rest] = escapeControls(found).split("\n");
    const indent = " ".repeat(width + 11);
    const text = `${about === undefined ? "" : `${escapeControls(about)}: `}${first}`;
    const head = `${paint(STYLES[level], level.padEnd(7))}  ${id.padEnd(width)}  ${hanging(text, indent.length)}`;
    return [
      head,
      ...rest.map((line) => `${indent}${hanging(line, indent.length)}`),
      ...(remedy === undefined ? [] : [`${indent}→ ${hanging(escapeControls(remedy), indent.length + 2)}`]),
    ].join("\n");
  });
  const counts = (level: Finding["level"]): string => {
    const count = findings.filter((each) => each.level === level).length;
    return counted(count, level);
  };
  return [...lines, "", `${counts("problem")}, ${counts("warning")}; ${docsPage("troubleshooting.md")} explains each`].join("\n");
}
