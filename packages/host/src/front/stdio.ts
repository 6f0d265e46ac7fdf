import type { Readable } from "node:stream";
import { HostError } from "../errors.ts";
import type { Principal } from "../exchange/caller.ts";
import type { Reply } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import { type FrameOutput, FrameWriter } from "../wire/frame-writer.ts";
import { LineFramer } from "../wire/framing.ts";
import type { Limits } from "../wire/limits.ts";
import { parseJson } from "../wire/parse.ts";
import { receive, type Wire } from "./incoming.ts";

export interface StdioFrontOptions {
  readonly sessions: Sessions;
  readonly principal: Principal;
  /** The name of one that a plugin opened; undefined for the unnamed one. */
  readonly endpoint: string | undefined;
  readonly limits: Limits;
  readonly input: Readable;
  readonly output: FrameOutput;
  /** Milliseconds that calls in flight may take to finish once the client closed its end. */
  readonly drain: number;
  /** The conversation is over: nothing comes in or goes out any more. Called once. */
  readonly gone: () => void;
}

/** Serves one client over standard input and output. Gives its session, and a function that ends it. */
export function serveStdio(options: StdioFrontOptions): { session: Session; end: () => void } {
  const { sessions, principal, endpoint, limits, input, output, drain, gone } = options;
  const session = sessions.open(principal, { network: false, duplicateIds: false, endpoint });
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
    sessions.close(session);
    open = false; // only now: what is in flight was answered
    writer.flush();
    gone();
  };
  // A client that has said all it wants may still read the answers.
  const leave = (): void => {
    input.off("data", read);
    void session.drained(drain).then(end);
  };
  const answer = (message: unknown): number | undefined => {
    if (!open) return undefined;
    if (writer.pending > limits.clientQueueBytes) {
      end();
      return undefined;
    }
    const json = JSON.stringify(message);
    writer.write(json);
    return json.length;
  };
  const send = (message: unknown): boolean => answer(message) !== undefined;
  const reply: Reply = { send, answer, end() {} };
  const wire: Wire = { session, limits, reply, answerAll: send };
  const take = (line: Buffer): void => receive(wire, line, parseJson, line.length);
  const framer = new LineFramer(limits.requestBytes, take, () => {
    const error = new HostError(
      "payload_too_large",
      `a line is longer than ${limits.requestBytes} bytes; it was not read, and its request gets no other answer`,
    );
    send({ jsonrpc: "2.0", id: null, error: error.toRpc("-") });
  });
  const read = (chunk: Buffer): void => framer.push(chunk);
  session.attach({ send });
  input.on("data", read);
  input.once("end", leave);
  input.once("close", leave);
  output.once("error", end); // EPIPE: the client is gone
  return { session, end };
}
