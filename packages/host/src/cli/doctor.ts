import { defineCommand } from "citty";
import { docsPage } from "../config/documentation.ts";
import { escapeControls } from "../log.ts";
import { EXIT, type ExitCode } from "./command-line/exit.ts";
import { configArgs, jsonArgs } from "./command-line/options.ts";
import type { Finding } from "./doctor/findings.ts";
import { painter, type Style } from "./terminal/colours.ts";
import { jsonText } from "./terminal/json-text.ts";
import { claimStdout } from "./terminal/stdout.ts";

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
    const head = `${paint(STYLES[level], level.padEnd(7))}  ${id.padEnd(width)}  ${about === undefined ? "" : `${escapeControls(about)}: `}${first}`;
    const indent = " ".repeat(width + 11);
    return [
      head,
      ...rest.map((line) => `${indent}${line}`),
      ...(remedy === undefined ? [] : [`${indent}→ ${escapeControls(remedy)}`]),
    ].join("\n");
  });
  const counted = (level: Finding["level"]): string => {
    const count = findings.filter((each) => each.level === level).length;
    return `${count} ${level}${count === 1 ? "" : "s"}`;
  };
  return [...lines, "", `${counted("problem")}, ${counted("warning")}; ${docsPage("troubleshooting.md")} explains each`].join("\n");
}
