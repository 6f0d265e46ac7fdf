import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { RpcError } from "../errors.ts";
import { type Id, isNotification, isRequest, type Json, type Message, type Notification, type Request } from "../wire/message.ts";
import { jsonCopy } from "./json-copy.ts";

/** A JSON-RPC error, as a test throws it in a server's or client's place and as a test client's request rejects with it. */
export class JsonRpcError extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = "JsonRpcError";
    this.code = code;
    this.data = data;
  }

  /** The `error` member of a response. */
  get rpc(): RpcError {
    return { code: this.code, message: this.message, ...(this.data !== undefined && { data: this.data }) };
  }
}

/** An error whose message says besides what the wire did not tell. */
export class ExplainedError extends JsonRpcError {
  readonly #told: RpcError;

  constructor(told: JsonRpcError, reason: string) {
    super(told.code, `${told.message}: ${reason}`, told.data);
    this.#told = told.rpc;
  }

  /** As it came. */
  override get rpc(): RpcError {
    return this.#told;
  }
}

/** What the other side sends on its own, and the end of the connection. */
export interface EndEvents {
  request(request: Request): void;
  notification(notification: Notification): void;
  closed(): void;
}

/**
 * One end of a JSON-RPC conversation over an SDK transport. Every message is copied through JSON on its way out and in, as a
 * wire would do it: what is no JSON fails, and no two sides ever hold the same object.
 */
export class JsonRpcEnd {
  readonly #transport: Transport;
  readonly #pending = new Map<Id, { resolve(result: Json): void; reject(error: Error): void }>();
  #nextId = 1;
  #closed = false;

  constructor(transport: Transport, events: EndEvents) {
    this.#transport = transport;
    transport.onmessage = (value: unknown) => this.#receive(jsonCopy(value) as Message, events); // the host writes nothing but messages
    transport.onclose = () => {
      if (this.#closed) return;
      this.#closed = true;
      for (const { reject } of this.#pending.values()) reject(new Error("the connection was closed before the answer"));
      this.#pending.clear();
      events.closed();
    };
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Begins to receive. */
  open(): Promise<void> {
    return this.#transport.start();
  }

  /** @throws JsonRpcError with the other side's error */
  request(method: string, params?: Json): { id: Id; result: Promise<Json> } {
    const id = this.#nextId++;
    const result = new Promise<Json>((resolve, reject) => {
      if (this.#closed) throw new Error(`the connection is closed; ${method} was not sent`);
      this.#pending.set(id, { resolve, reject });
      this.send({ jsonrpc: "2.0", id, method, ...(params !== undefined && { params }) });
    });
    return { id, result };
  }

  /** Stops waiting for an answer and says so to the other side. */
  cancel(id: Id, reason: Error): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    this.notify("notifications/cancelled", { requestId: id, reason: reason.message });
    pending.reject(reason);
  }

  notify(method: string, params?: Json): void {
    this.send({ jsonrpc: "2.0", method, ...(params !== undefined && { params }) });
  }

  /** Answers a request with what `work` gives; a {@link JsonRpcError} is answered as it is, any other throw as an internal error. */
  async answer(id: Id, work: () => Promise<Json>): Promise<void> {
    try {
      this.send({ jsonrpc: "2.0", id, result: await work() });
    } catch (error) {
      const rpc =
        error instanceof JsonRpcError ? error.rpc : { code: -32603, message: error instanceof Error ? error.message : String(error) };
      this.send({ jsonrpc: "2.0", id, error: rpc });
    }
  }

  /** Sends any value: a broken server sends what is no message. What is sent to nobody is dropped. */
  send(message: unknown): void {
    if (this.#closed) return;
    // The SDK's union of messages is narrower than what the protocol allows to pass; the object is the same.
    void this.#transport.send(jsonCopy(message) as JSONRPCMessage).catch(() => {});
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #receive(message: Message, events: EndEvents): void {
    if (isRequest(message)) return events.request(message);
    if (isNotification(message)) return events.notification(message);
    const pending = message.id === null ? undefined : this.#pending.get(message.id);
    if (!pending) return; // cancelled meanwhile
    this.#pending.delete(message.id as Id); // it was found by it
    if ("error" in message) pending.reject(new JsonRpcError(message.error.code, message.error.message, message.error.data));
    else pending.resolve(message.result);
  }
}
