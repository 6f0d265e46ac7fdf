import type { TraceListener } from "../../exchange/trace.ts";
import type { Host } from "../../host/host.ts";
import { escapeControls, escapedJson } from "../../log.ts";
import { briefText } from "../../redact.ts";
import { isObject } from "../../wire/message.ts";
import { readableResult } from "../one-shot/content.ts";
import { printProgress } from "../one-shot/one-shot.ts";
import { painter } from "../terminal/colours.ts";
import type { DevCall } from "./dev-flags.ts";

/** UTF-16 units of a result that are shown. */
const RESULT = 4_000;

/** Makes the calls of the command line, or the last one that a client made, and shows what came of them. */
export class DevCalls {
  readonly #host: Host;
  readonly #calls: readonly DevCall[];
  readonly #write: (text: string) => void;
  #last: DevCall | undefined;
  /** Of those that are being made. */
  #round = new AbortController();
  #isOver = false;

  constructor(host: Host, calls: readonly DevCall[], write: (text: string) => void) {
    this.#host = host;
    this.#calls = calls;
    this.#write = write;
  }

  /** For `host.trace`: remembers the last call of a client. */
  readonly listener: TraceListener = ({ parent, exchange }, phase) => {
    const { name, arguments: given = {} } = exchange.original;
    if (phase === "end" && parent === undefined && exchange.method === "tools/call" && exchange.plugin === undefined)
      if (typeof name === "string" && isObject(given)) this.#last = { name, arguments: given };
  };

  /** Makes the calls of the command line, one after the other. A round that is under way is given up. */
  async make(): Promise<void> {
    if (this.#calls.length > 0) await this.#make(this.#calls);
  }

  /** Makes them again; where there are none, the last call of a client. */
  async again(): Promise<void> {
    const calls = this.#calls.length > 0 || !this.#last ? this.#calls : [this.#last];
    if (calls.length > 0) await this.#make(calls);
    else process.stderr.write("mcp-host: nothing was called yet; --call says what to call, or a client calls something\n");
  }

  /** Gives up what is under way, and makes no calls any more. */
  end(): void {
    this.#isOver = true;
    this.#round.abort();
  }

  async #make(calls: readonly DevCall[]): Promise<void> {
    this.#round.abort();
    const round = new AbortController();
    this.#round = round;
    for (const call of calls) {
      if (this.#isOver || round.signal.aborted) return;
      const told = await this.#outcome(call, round.signal);
      if (round.signal.aborted) return; // the next round tells its own
      this.#write(told);
    }
  }

  async #outcome({ name, arguments: args }: DevCall, signal: AbortSignal): Promise<string> {
    const paint = painter(process.stdout);
    const head = paint("bold", escapeControls(briefText(`${name} ${escapedJson(args)}`, RESULT)));
    try {
      const result = await this.#host.callTool(name, args, { signal, onProgress: printProgress });
      const words = indented(readableResult(result));
      return `${head} ${result.isError ? paint("yellow", "tool_error") : paint("green", "ok")}\n${words}\n`;
    } catch (error) {
      return `${head} ${paint("red", "error")}\n${indented(error instanceof Error ? error.message : String(error))}\n`;
    }
  }
}

function indented(text: string): string {
  return escapeControls(briefText(text, RESULT)).replace(/^/gm, "  ");
}
