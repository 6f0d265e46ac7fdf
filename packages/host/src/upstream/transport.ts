import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Link, LinkEvents } from "../wire/link.ts";
import { type Id, isRequest, type Message } from "../wire/message.ts";
import { failure } from "./failure.ts";
import { Incoming } from "./incoming.ts";

/** A server behind any SDK `Transport` that code handed in. The interface does not tell which call a message belongs to. */
export class TransportLink implements Link {
  readonly #upstream: string;
  readonly #make: () => Transport | Promise<Transport>;
  #transport: Transport | undefined;
  #events: LinkEvents | undefined;
  readonly #incoming: Incoming;
  #closed = false;

  constructor(upstream: string, make: () => Transport | Promise<Transport>) {
    this.#upstream = upstream;
    this.#make = make;
    this.#incoming = new Incoming(upstream, this, () => this.#events);
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events;
    const transport = await this.#make();
    // Closed meanwhile: what came too late must not stay open.
    if (this.#closed) return transport.close();
    this.#transport = transport;
    this.#transport.onmessage = (value: unknown) => void this.#incoming.take(value, asItIs, undefined);
    this.#transport.onerror = (error: unknown) => events.garbage(error instanceof Error ? error.message : "an error without words");
    this.#transport.onclose = () => {
      if (this.#closed) return;
      this.#closed = true;
      const what = "closed its transport; a call in flight may or may not have run";
      events.closed(failure(this.#upstream, "upstream_lost", what, "unknown"));
    };
    await this.#transport.start();
  }

  send(message: Message, relatedTo?: Id): void {
    const options = relatedTo === undefined ? undefined : { relatedRequestId: relatedTo };
    const failed = (error: unknown): void => {
      if (isRequest(message))
        this.#events?.failed(message.id, failure(this.#upstream, "upstream_lost", "could not be sent to", "unknown", error));
    };
    try {
      // The SDK's union of messages is narrower than what the protocol allows to pass; the object is the same.
      const sending: unknown = this.#transport?.send(message as JSONRPCMessage, options);
      Promise.resolve(sending).catch(failed); // some that others wrote give no promise
    } catch (error) {
      failed(error);
    }
  }

  negotiated(protocolVersion: string): void {
    this.#incoming.negotiated(protocolVersion);
    this.#transport?.setProtocolVersion?.(protocolVersion);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#transport?.close();
  }
}

const asItIs = (value: unknown): unknown => value;
