import { connect } from "node:net";
import { createInterface } from "node:readline";
import { isObject, type Json } from "../wire/message.ts";
import type { ControlRequest } from "./control-protocol.ts";

/**
 * The objects that a running host sends, a line each, until it has no more or `signal` is aborted.
 * @throws Error when it cannot be reached or refuses
 */
export async function* readLines(address: string, request: ControlRequest, signal: AbortSignal): AsyncGenerator<Json> {
  const socket = connect(address);
  let failure: Error | undefined;
  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  const stop = (): void => {
    socket.destroy();
    lines.close();
  };
  socket.once("error", (error) => {
    failure = error;
    lines.close();
  });
  signal.addEventListener("abort", stop, { once: true });
  socket.write(`${JSON.stringify(request)}\n`);
  let isFirst = true;
  try {
    for await (const line of lines) {
      const record: unknown = JSON.parse(line);
      if (!isObject(record)) throw new Error("the host sent a line that is no JSON object");
      // What it refuses it refuses at once, and says nothing else.
      if (isFirst && typeof record.error === "string" && Object.keys(record).length === 1)
        throw new Error(`the host refused: ${record.error}`);
      isFirst = false;
      yield record;
    }
    if (failure && !signal.aborted) throw new Error(`the host cannot be asked: ${failure.message}`);
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
