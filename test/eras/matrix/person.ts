import { Client as ModernClient } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { Message } from "../../fixtures/upstream.mjs";
import type { ClientKind } from "./cells.mjs";

const INFO = { name: "person", version: "1.0.0" };
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

export interface CallOptions {
  onprogress?: (progress: Message) => void;
  signal?: AbortSignal;
}

/** What the clients of both SDKs have in common. */
interface Shared {
  listTools(): Promise<{ tools: { name: string }[] }>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  listResources(): Promise<{ resources: { uri: string }[] }>;
  listResourceTemplates(): Promise<{ resourceTemplates: { uriTemplate: string }[] }>;
  readResource(params: { uri: string }): Promise<Message>;
  getPrompt(params: { name: string; arguments: Record<string, string> }): Promise<Message>;
  complete(params: { ref: { type: "ref/prompt"; name: string }; argument: { name: string; value: string } }): Promise<Message>;
  close(): Promise<void>;
}

/** Somebody with an SDK client, who notes what they are asked and told. */
export interface Person {
  readonly client: Shared;
  readonly asked: Message[];
  readonly told: Message[];
  /** What they do with a form. */
  action: "accept" | "decline";
  call(name: string, args?: Message, options?: CallOptions): Promise<Message>;
  /** Wants to hear of a resource and of the list of tools; gives the end of that. */
  listen(uri: string): Promise<() => Promise<unknown>>;
}

type Notes = Pick<Person, "asked" | "told" | "action">;

/** What they answer to what. */
function answers(notes: Notes) {
  return {
    elicit({ params }: { params: Message }) {
      notes.asked.push(params);
      if (notes.action === "decline") return { action: notes.action };
      return { action: notes.action, ...(params.mode !== "url" && { content: { ok: true } }) };
    },
    sample({ params }: { params: Message }) {
      notes.asked.push(params);
      return { role: "assistant" as const, content: { type: "text" as const, text: "Paris" }, model: "m" };
    },
    roots() {
      notes.asked.push({ roots: true });
      return { roots: [{ uri: "file:///w" }] };
    },
  };
}

// Both SDKs have the same idea of a transport, in types that differ.
export type AnyTransport = Parameters<Client["connect"]>[0] & Parameters<ModernClient["connect"]>[0];

async function withV1(transport: AnyTransport): Promise<Person> {
  const client = new Client(INFO, { capabilities });
  const notes: Notes = { asked: [], told: [], action: "accept" };
  const { elicit, sample, roots } = answers(notes);
  client.setRequestHandler(ElicitRequestSchema, elicit);
  client.setRequestHandler(CreateMessageRequestSchema, sample);
  client.setRequestHandler(ListRootsRequestSchema, roots);
  for (const schema of [LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema, ToolListChangedNotificationSchema])
    client.setNotificationHandler(schema, (notification) => void notes.told.push(notification));
  await client.connect(transport);
  await client.setLoggingLevel("info");
  return Object.assign(notes, {
    client,
    call: (name: string, args: Message = {}, options?: CallOptions): Promise<Message> =>
      client.callTool({ name, arguments: args }, undefined, options),
    async listen(uri: string) {
      await client.subscribeResource({ uri });
      return () => client.unsubscribeResource({ uri });
    },
  });
}

async function withV2(transport: AnyTransport, mode: "auto" | { pin: string }): Promise<Person> {
  const client = new ModernClient(INFO, { capabilities, versionNegotiation: { mode } });
  const notes: Notes = { asked: [], told: [], action: "accept" };
  const { elicit, sample, roots } = answers(notes);
  client.setRequestHandler("elicitation/create", elicit);
  client.setRequestHandler("sampling/createMessage", sample);
  client.setRequestHandler("roots/list", roots);
  for (const method of ["notifications/message", "notifications/resources/updated", "notifications/tools/list_changed"] as const)
    client.setNotificationHandler(method, (notification: Message) => void notes.told.push(notification));
  await client.connect(transport);
  const isModern = client.getProtocolEra() === "modern";
  if (!isModern) await client.setLoggingLevel("info");
  const _meta = isModern ? { "io.modelcontextprotocol/logLevel": "info" } : {};
  return Object.assign(notes, {
    client,
    call: (name: string, args: Message = {}, options?: CallOptions): Promise<Message> =>
      client.callTool({ name, arguments: args, _meta }, options),
    async listen(uri: string) {
      if (isModern) {
        const subscription = await client.listen({ toolsListChanged: true, resourceSubscriptions: [uri] });
        return () => subscription.close();
      }
      await client.subscribeResource({ uri });
      return () => client.unsubscribeResource({ uri });
    },
  });
}

export function connect(kind: ClientKind, transport: AnyTransport): Promise<Person> {
  return kind === "v1" ? withV1(transport) : withV2(transport, kind === "auto" ? "auto" : { pin: "2026-07-28" });
}
