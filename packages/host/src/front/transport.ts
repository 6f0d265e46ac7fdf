import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Principal } from "../exchange/caller.ts";
import type { Reply } from "../exchange/course.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Limits } from "../wire/limits.ts";
import { receive, type Wire } from "./incoming.ts";

const asIs = (value: unknown): unknown => value;

/** Serves one client over any SDK `Transport`, such as the other half of an in-memory pair. */
export async function serveTransport(options: {
  sessions: Sessions;
  principal: Principal;
  /** The name of one that a plugin opened; undefined for the unnamed one. */
  endpoint: string | undefined;
  limits: Limits;
  transport: Transport;
}): Promise<Session> {
  const { sessions, principal, endpoint, limits, transport } = options;
  const session = sessions.open(principal, { network: false, duplicateIds: false, endpoint });
  const send = (message: unknown): boolean => {
    if (session.closed) return false;
    // The SDK's union of messages is narrower than what the protocol allows to pass; the object is the same.
    transport.send(message as JSONRPCMessage).catch(() => sessions.close(session));
    return true;
  };
  const answer = (message: unknown): undefined => {
    send(message);
  };
  const reply: Reply = { send, answer, end() {} };
  const wire: Wire = { session, limits, reply, answerAll: send };
  transport.onmessage = (value: unknown) => receive(wire, value, asIs);
  transport.onclose = () => sessions.close(session);
  session.attach({ send });
  await transport.start();
  return session;
}
