import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Reply } from "../exchange/course.ts";
import { type BehindPipes, type OpenPipe, Pipe } from "./pipe.ts";
import type { Arrival } from "./way-in.ts";

const asIs = (value: unknown): unknown => value;

export interface TransportFrontOptions {
  readonly behind: BehindPipes;
  readonly arrival: Arrival;
  readonly transport: Transport;
  /** The conversation is over. Called once. */
  readonly gone: () => void;
}

/** Serves one client over any SDK `Transport`, such as the other half of an in-memory pair. Gives what is to be started by {@link Transport.start}. */
export function serveTransport({ behind, arrival, transport, gone }: TransportFrontOptions): OpenPipe {
  const session = behind.sessions.open(arrival.principal, { network: false, duplicateIds: false, endpoint: arrival.endpoint });
  let open = true;
  let isEnding = false;
  const end = (): void => {
    if (isEnding) return;
    isEnding = true;
    pipe.close();
    open = false; // only now: what is in flight was answered
    gone();
    void transport.close().catch(() => {}); // whatever it says, nobody listens any more
  };
  const send = (message: unknown): boolean => {
    if (!open) return false;
    // The SDK's union of messages is narrower than what the protocol allows to pass; the object is the same.
    transport.send(message as JSONRPCMessage).catch(end);
    return true;
  };
  const answer = (message: unknown): undefined => {
    send(message);
  };
  const reply: Reply = { send, answer, end() {} };
  const pipe = new Pipe({ behind, arrival, network: false, session, reply, answerAll: send });
  transport.onmessage = (value: unknown) => pipe.receive(value, asIs);
  transport.onclose = end;
  return { pipe, end };
}
