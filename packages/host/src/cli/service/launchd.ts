import { dirname, join } from "node:path";
import { programArguments, type Service } from "./service-definition.ts";

/** A launchd property list. */
export function launchdPlist(service: Service): string {
  const { config, path, home, stopTimeout, scope, user } = service;
  const logs = scope === "system" ? "/Library/Logs" : join(home, "Library/Logs");
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    "<dict>",
    "  <key>Label</key>",
    "  <string>mcp-host</string>",
    "  <key>ProgramArguments</key>",
    "  <array>",
    ...programArguments(service).map((word) => `    <string>${xml(word)}</string>`),
    "  </array>",
    "  <key>WorkingDirectory</key>",
    `  <string>${xml(dirname(config))}</string>`,
    "  <key>EnvironmentVariables</key>",
    "  <dict>",
    "    <key>PATH</key>",
    `    <string>${xml(path)}</string>`,
    "  </dict>",
    ...(scope === "system" && user !== undefined ? ["  <key>UserName</key>", `  <string>${xml(user)}</string>`] : []),
    "  <key>RunAtLoad</key>",
    "  <true/>",
    "  <key>KeepAlive</key>",
    "  <dict>",
    "    <key>SuccessfulExit</key>",
    "    <false/>",
    "  </dict>",
    "  <key>ExitTimeOut</key>",
    `  <integer>${stopTimeout}</integer>`,
    "  <key>Umask</key>",
    `  <integer>${0o077}</integer>`,
    "  <key>StandardErrorPath</key>",
    `  <string>${xml(join(logs, "mcp-host.log"))}</string>`,
    "</dict>",
    "</plist>",
  ].join("\n")}\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function xml(text: string): string {
  return text.replace(/[&<>]/g, (character) => ENTITIES[character] ?? character);
}
