import { connect, type Socket } from "node:net";
import { LineFramer } from "../wire/framing.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { ControlRequest } from "./control-protocol.ts";

/** Longest line, of a log or a trace. */
const LINE_BYTES = 16 * 1024 * 1024;

/**
 * The objects that a running host sends, a line each, until it has no more or `signal` is aborted.
 * @throws Error when it cannot be reached or refuses
 */
export async function* readLines(address: string, request: ControlRequest, signal: AbortSignal): AsyncGenerator<Json> {
  const socket = connect(address);
  let failure: Error | undefined;
  socket.once("error", (error) => {
    failure = error;
  });
  const stop = (): void => void socket.destroy();
  signal.addEventListener("abort", stop, { once: true });
  socket.write(`${JSON.stringify(request)}\n`);
  let isFirst = true;
  try {
    for await (const line of linesOf(socket)) {
      const record: unknown = JSON.parse(line.toString());
      if (!isObject(record)) throw new Error("the host sent a line that is no JSON object");
      // What it refuses it refuses at once, and says nothing else.
      if (isFirst && typeof record.error === "string" && Object.keys(record).length === 1)
        throw new Error(`the host refused: ${record.error}`);
      isFirst = false;
      yield record;
    }
  } catch (error) {
    if (signal.aborted) return; // nobody waits for the rest
    throw failure ? new Error(`the host cannot be asked: ${failure.message}`) : error;
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** Lines as bytes: those of `node:readline` end at U+2028, too, since Node 24, which JSON may have as it is. */
async function* linesOf(socket: Socket): AsyncGenerator<Buffer> {
  const lines: Buffer[] = [];
  const framer = new LineFramer(LINE_BYTES, (line) => lines.push(line));
  for await (const chunk of socket) {
    framer.push(chunk);
    yield* lines.splice(0);
  }
}
