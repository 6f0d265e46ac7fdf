import { randomBytes } from "node:crypto";
import { expect, vi } from "vitest";
import { httpPipe, RawClient } from "../fidelity/raw.ts";
import type { Message } from "../fixtures/upstream.mjs";
import { ModernHttp, type ModernOptions } from "../harness/modern-client.ts";

const KEY = "io.modelcontextprotocol/";

/** A client of either era with a secret of its own, which keeps everything that it is sent. */
export interface Keeper {
  readonly secret: string;
  /** Undefined is anonymous. */
  readonly principal: string | undefined;
  readonly received: Message[];
  /** Calls a tool that may ask with a form, which is answered with the secret. Gives the last result. */
  call(name: string, args: Message, token?: string): Promise<Message>;
  /** Hears of these resources and of the list of tools from now on. */
  listen(uris: string[]): Promise<void>;
  close(): Promise<void>;
}

export const secretOf = (number: number): string => `secret-${number}-${randomBytes(8).toString("hex")}`;

const accepting = (secret: string): Message => ({ action: "accept", content: { ok: true, secret } });

export async function legacyKeeper(
  url: URL,
  { secret, principal, headers }: { secret: string; principal: string | undefined; headers: Record<string, string> },
): Promise<Keeper> {
  const client = await RawClient.open((deliver) => httpPipe(url, deliver, headers));
  client.answer = (request) => (request.method === "elicitation/create" ? { result: accepting(secret) } : undefined);
  await client.initialize({ elicitation: { form: {} } });
  await client.request("logging/setLevel", { level: "info" });
  const received: Message[] = [];
  return {
    secret,
    principal,
    get received() {
      return [...received, ...client.received.map(({ message }) => message)];
    },
    async call(name, args, token) {
      const _meta = { mine: secret, ...(token !== undefined && { progressToken: token }) };
      const { result, error } = await client.call(name, args, { _meta });
      if (error) throw new Error(`${name}: ${JSON.stringify(error)}`);
      return result;
    },
    async listen(uris) {
      for (const uri of uris) await client.request("resources/subscribe", { uri });
    },
    close: () => client.pipe.close(),
  };
}

export function modernKeeper(
  url: URL,
  { secret, principal, headers }: { secret: string; principal: string | undefined; headers: Record<string, string> },
): Keeper {
  const client = new ModernHttp(url, headers);
  const received: Message[] = [];
  const streams: { messages: Message[]; close(): void }[] = [];
  const meta: Message = { [`${KEY}clientCapabilities`]: { elicitation: { form: {} } }, [`${KEY}logLevel`]: "info", mine: secret };
  const send = async (params: Message, options: ModernOptions): Promise<Message> => {
    const { messages } = await client.send("tools/call", params, options);
    received.push(...messages);
    const { result, error } = messages.at(-1) ?? {};
    if (error) throw new Error(`${params.name}: ${JSON.stringify(error)}`);
    return result;
  };
  return {
    secret,
    principal,
    get received() {
      return [...received, ...streams.flatMap(({ messages }) => messages)];
    },
    async call(name, args, token) {
      const options = { meta: { ...meta, ...(token !== undefined && { progressToken: token }) } };
      const params = { name, arguments: args };
      const result = await send(params, options);
      if (result.resultType !== "input_required") return result;
      const inputResponses = Object.fromEntries(Object.keys(result.inputRequests).map((key) => [key, accepting(secret)]));
      return send({ ...params, inputResponses, requestState: result.requestState }, options);
    },
    async listen(uris) {
      // What a server did not agree to in time is left out, and asked for once more.
      for (let wanted = uris; wanted.length > 0; ) {
        const notifications = { ...(streams.length === 0 && { toolsListChanged: true }), resourceSubscriptions: wanted };
        const stream = client.open("subscriptions/listen", { notifications }, { id: `${streams.length} ${secret}`, meta });
        stream.answer.catch(() => {}); // hung up by close
        streams.push(stream);
        await vi.waitFor(() => expect(stream.messages).not.toEqual([]));
        const agreed: string[] = stream.messages[0]?.params.notifications.resourceSubscriptions ?? [];
        wanted = wanted.filter((uri) => !agreed.includes(uri));
      }
    },
    async close() {
      for (const stream of streams) stream.close();
    },
  };
}
