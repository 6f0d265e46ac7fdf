import type { Json } from "../wire/message.ts";
import { modernMethod } from "../wire/modern.ts";
import type { ContractRequest } from "./contract-upstream.ts";
import type { TestClient, TestClientOptions, TestSubscription } from "./test-client.ts";

/** Which eras of MCP meet in a host. */
export interface Eras {
  readonly client: "legacy" | "modern";
  readonly server: "legacy" | "modern";
}

const BOTH = ["legacy", "modern"] as const;

/** Every pair of them. */
export const ALL_ERAS: readonly Eras[] = BOTH.flatMap((client) => BOTH.map((server) => ({ client, server })));

/** A pair for each era, where it is enough that both are there. */
export const EACH_ERA: readonly Eras[] = BOTH.map((era) => ({ client: era, server: era }));

/** Who the client of the contract suite is. */
export function contractClient({ client: era }: Eras): TestClientOptions {
  return { era, capabilities: { roots: {}, sampling: {} }, ...(era === "modern" && { logLevel: "debug" }) };
}

/** Sends a request; gives undefined for one that the client's era does not have. */
export type Send = (request: ContractRequest) => Promise<Json> | undefined;

/** How the client sends what is worded for the legacy era, once it answers what it is asked and hears of lists. */
export async function senderOf(client: TestClient, { client: era }: Eras): Promise<Send> {
  client.on("roots/list", () => ({ roots: [{ uri: "file:///work" }] }));
  client.on("sampling/createMessage", () => ({ role: "assistant", model: "m", content: { type: "text", text: "yes" } }));
  const send: Send = ({ method, params }) =>
    method === "initialize" ? Promise.resolve(client.initialized) : client.request(method, params);
  if (era === "legacy") return send;
  await client.listen({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true });
  const listening = new Map<unknown, TestSubscription>();
  return (request) => {
    const { method, params = {} } = request;
    const { uri, task } = params;
    if (method === "resources/subscribe") {
      return client.listen({ resourceSubscriptions: [uri] }).then((subscription) => {
        listening.set(uri, subscription);
        return subscription.agreed;
      });
    }
    if (method === "resources/unsubscribe") {
      listening.get(uri)?.close();
      return Promise.resolve({});
    }
    return method === "initialize" || (modernMethod(method) && task === undefined) ? send(request) : undefined;
  };
}
