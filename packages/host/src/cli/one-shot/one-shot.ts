import { nearest } from "../../config/nearest.ts";
import { escapeControls } from "../../log.ts";
import { redactText } from "../../redact.ts";
import type { FrameOutput } from "../../wire/frame-writer.ts";
import type { Json, Notification } from "../../wire/message.ts";
import { PeerError } from "../../wire/peer-error.ts";
import { EXIT, type ExitCode } from "../command-line/exit.ts";
import { jsonText } from "../terminal/json-text.ts";
import { type AskedHost, listOf } from "./asked-host.ts";
import { KINDS, type Kind } from "./kinds.ts";
import type { LocalClient } from "./local-client.ts";
import { describeMissing } from "./startup.ts";
import { type Asking, withHost, withOwnHost } from "./with-host.ts";

/** What one command asks of one entry of the host, which it names. */
export interface OneShot extends Asking {
  readonly flags: Asking["flags"] & { json?: boolean | undefined };
  readonly output: FrameOutput;
  readonly kind: Exclude<Kind, "templates">;
  readonly name: string;
}

/**
 * Does what one command asks of a host. It waits for nobody but the server that has what is named. An error answer is told with
 * the name that may be meant and the servers that are missing, and is exit code 4.
 */
export function runOneShot(shot: OneShot, work: (client: AskedHost) => Promise<ExitCode>): Promise<ExitCode> {
  return answered(shot, work, withHost);
}

/** The same, of a host that the command starts. */
export function runOwnOneShot(shot: OneShot, work: (client: LocalClient) => Promise<ExitCode>): Promise<ExitCode> {
  return answered(shot, work, withOwnHost);
}

async function answered<Client extends AskedHost>(
  { flags, rawArgs, output, kind, name, notified }: OneShot,
  work: (client: Client) => Promise<ExitCode>,
  ask: (asking: Asking, work: (client: Client) => Promise<ExitCode>) => Promise<ExitCode>,
): Promise<ExitCode> {
  let hints: string[] = [];
  const heard = (notification: Notification): void => {
    printLog(notification);
    notified?.(notification);
  };
  try {
    return await ask({ flags, rawArgs, wantsOne: true, notified: heard }, async (client) => {
      try {
        return await work(client);
      } catch (error) {
        if (error instanceof PeerError) hints = await hintsOf(client, kind, name);
        throw error;
      }
    });
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    const { code, message, data } = error.rpc;
    if (flags.json) output.write(jsonText({ error: { code, message, data } }));
    const lines = [`mcp-host: ${message} (${code})`, ...hints];
    process.stderr.write(`${escapeControls(redactText(lines.join("\n")))}\n`);
    return EXIT.protocol.code;
  }
}

/** What may explain that there is no such entry: servers that are missing, and names that are alike. */
async function hintsOf(client: AskedHost, kind: Kind, name: string): Promise<string[]> {
  const starts = await client.starts();
  const names = (await listOf(client, kind)).map((entry) => String(entry[KINDS[kind].key]));
  return names.includes(name) ? [] : [...describeMissing(starts), ...suggestion(kind, name, names)];
}

/** Prints a result: all of it as JSON, or what people read of it. */
export function print({ flags, output }: OneShot, result: Json, readable: (result: Json) => string): void {
  output.write(flags.json ? jsonText(result) : `${escapeControls(readable(result))}\n`);
}

/** The entry that may be meant: one that is spelt alike, or the one that has this name behind a server's. */
function suggestion(kind: Kind, name: string, names: readonly string[]): string[] {
  const endings = names.filter((known) => known.endsWith(name));
  const hint = endings.length === 1 ? ` (did you mean "${endings[0]}"?)` : nearest(name, names);
  return hint === "" ? [] : [`mcp-host: there is no ${kind.slice(0, -1)} "${name}"${hint}`];
}

export function printProgress({ progress, total, message }: Json): void {
  const words = [`${progress}${total === undefined ? "" : `/${total}`}`, ...(message === undefined ? [] : [message])];
  process.stderr.write(`${escapeControls(words.join(" "))}\n`);
}

function printLog({ method, params }: Notification): void {
  if (method !== "notifications/message") return;
  const { level, data } = params ?? {};
  process.stderr.write(`${escapeControls(`${level}: ${typeof data === "string" ? data : JSON.stringify(data)}`)}\n`);
}
