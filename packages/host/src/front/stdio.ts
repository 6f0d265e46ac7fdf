import type { Readable } from "node:stream";
import { HostError } from "../errors.ts";
import type { Reply } from "../exchange/course.ts";
import { type FrameOutput, FrameWriter } from "../wire/frame-writer.ts";
import { LineFramer } from "../wire/framing.ts";
import { parseJson } from "../wire/parse.ts";
import { type BehindPipes, type OpenPipe, Pipe } from "./pipe.ts";
import type { Arrival } from "./way-in.ts";

export interface StdioFrontOptions {
  readonly behind: BehindPipes;
  readonly arrival: Arrival;
  readonly input: Readable;
  readonly output: FrameOutput;
  /** The conversation is over: nothing comes in or goes out any more. Called once. */
  readonly gone: () => void;
}

/** Serves one client over standard input and output. */
export function serveStdio({ behind, arrival, input, output, gone }: StdioFrontOptions): OpenPipe {
  const { limits } = behind;
  const session = behind.sessions.open(arrival.principal, { network: false, duplicateIds: false, endpoint: arrival.endpoint });
  const writer = new FrameWriter(output);
  let open = true;
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    input.off("data", read);
    input.off("end", leave);
    input.off("close", leave);
    input.pause();
    pipe.close();
    open = false; // only now: what is in flight was answered
    writer.flush();
    gone();
  };
  // A client that has said all it wants may still read the answers.
  const leave = (): void => {
    input.off("data", read);
    void pipe.drained().then(end);
  };
  const write = (json: string): number | undefined => {
    if (!open) return undefined;
    if (writer.pending > limits.clientQueueBytes) {
      end();
      return undefined;
    }
    writer.write(json);
    return json.length;
  };
  const answer = (message: unknown): number | undefined => write(JSON.stringify(message));
  const send = (message: unknown): boolean => answer(message) !== undefined;
  const reply: Reply = { send, answer, write, end() {} };
  const take = (line: Buffer): void => pipe.receive(line, parseJson, line.length);
  const framer = new LineFramer(limits.requestBytes, take, () => {
    const error = new HostError(
      "payload_too_large",
      `a line is longer than ${limits.requestBytes} bytes; it was not read, and its request gets no other answer`,
    );
    send({ jsonrpc: "2.0", id: null, error: error.toRpc("-") });
  });
  const read = (chunk: Buffer): void => framer.push(chunk);
  const pipe = new Pipe({ behind, arrival, network: false, session, reply, answerAll: send });
  input.on("data", read);
  input.once("end", leave);
  input.once("close", leave);
  output.once("error", end); // EPIPE: the client is gone
  return { pipe, end };
}
