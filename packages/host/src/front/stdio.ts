import type { Readable } from "node:stream";
import type { Principal } from "../pipeline/exchange.ts";
import type { Reply } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import { type FrameOutput, FrameWriter } from "../wire/frame-writer.ts";
import { LineFramer } from "../wire/framing.ts";
import type { Limits } from "../wire/limits.ts";
import type { Message } from "../wire/message.ts";
import { checkShape, type ParseError, parseJson, toMessage } from "../wire/parse.ts";

/**
 * Makes standard output carry frames and nothing else: whatever prints there (console, a plugin) goes to stderr from now
 * on (R69). Gives the stream that frames are written to.
 */
export function claimStdout(): FrameOutput {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write; // the same signature on the other stream
  return {
    get writable() {
      return stdout.writable;
    },
    get writableLength() {
      return stdout.writableLength;
    },
    write: (text) => write(text),
    once: (event, listener) => stdout.once(event, listener),
  };
}

export interface StdioFrontOptions {
  readonly sessions: Sessions;
  readonly principal: Principal;
  readonly limits: Limits;
  readonly input: Readable;
  readonly output: FrameOutput;
  /** The client closed its end, or does not read. May be called more than once. */
  readonly gone: () => void;
}

/** Serves one client over standard input and output. Gives a function that ends it. */
export function serveStdio(options: StdioFrontOptions): () => void {
  const { sessions, principal, limits, input, output, gone } = options;
  const session = sessions.open(principal, { network: false, duplicateIds: false });
  const writer = new FrameWriter(output);
  let open = true;
  /** The client reads no more. */
  const lose = (): void => {
    open = false;
    gone();
  };
  const send = (message: unknown): boolean => {
    if (!open) return false;
    if (writer.pending > limits.clientQueueBytes) {
      lose();
      return false;
    }
    writer.write(JSON.stringify(message));
    return true;
  };
  const reply: Reply = { send, answer: send, end() {} };
  const framer = new LineFramer(limits.requestBytes, (line) => {
    let message: Message;
    try {
      const value = parseJson(line);
      checkShape(value, limits);
      message = toMessage(value);
    } catch (error) {
      const { code, message: words, id } = error as ParseError; // nothing else is thrown there
      send({ jsonrpc: "2.0", id, error: { code, message: words } });
      return;
    }
    session.receive(message, reply);
  });
  const read = (chunk: Buffer): void => {
    try {
      framer.push(chunk);
    } catch {
      send({
        jsonrpc: "2.0",
        id: null,
        error: { code: -32600, message: `a line is longer than ${limits.requestBytes} bytes; the host cannot go on` },
      });
      gone();
    }
  };
  session.attach({ send });
  input.on("data", read);
  // A client that has said all it wants may still read the answers.
  input.once("end", gone);
  input.once("close", gone);
  output.once("error", lose); // EPIPE: the client is gone
  return () => {
    input.off("data", read);
    input.off("end", gone);
    input.off("close", gone);
    input.pause();
    sessions.close(session);
    open = false;
    writer.flush();
  };
}
