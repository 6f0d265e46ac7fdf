import { type ApprovalOptions, approval } from "@host/plugin-approval";
import type { Config, Exchange, Json, Principal } from "mcp-host";
import { definePlugin } from "mcp-host";
import { createTestHost, FakeClock, type FakeUpstreamSpec, fakeUpstream, type TestClient, type TestHost } from "mcp-host/testing";

/** What a tool's result says. */
export const textOf = (result: Json): string => (result.content as { text: string }[])[0]?.text ?? "";

/** Somebody who answers questions as they are told, and keeps them. */
export interface Person {
  readonly client: TestClient;
  readonly questions: Json[];
  answer: (params: Json) => Json | Promise<Json>;
}

const YES = { action: "accept", content: {} };

export function personAt(client: TestClient): Person {
  const person: Person = { client, questions: [], answer: () => YES };
  client.on("elicitation/create", (params) => {
    person.questions.push(params);
    return person.answer(params);
  });
  return person;
}

export interface Asked {
  readonly host: TestHost;
  readonly up: ReturnType<typeof fakeUpstream>;
  readonly clock: FakeClock;
  readonly person: Person;
  /** Calls that have begun, and requests that are over. */
  readonly begun: Exchange[];
  readonly settled: Exchange[];
  connect(options?: { principal?: Principal; capabilities?: Json }): Promise<Person>;
}

export const TOOLS: NonNullable<FakeUpstreamSpec["tools"]> = {
  delete: ({ path }) => `deleted ${path}`,
  read: { annotations: { readOnlyHint: true }, call: () => "read" },
};

/** A host with the plugin in front of one server, `files`, and a person who says yes. */
export async function asked(
  options: ApprovalOptions,
  more: {
    plugins?: Config["plugins"];
    config?: Partial<Config>;
    tools?: FakeUpstreamSpec["tools"];
    upstreams?: Record<string, ReturnType<typeof fakeUpstream>>;
    capabilities?: Json;
    principal?: Principal;
  } = {},
): Promise<Asked & AsyncDisposable> {
  const clock = new FakeClock();
  const up = fakeUpstream({ tools: more.tools ?? TOOLS });
  const settled: Exchange[] = [];
  const begun: Exchange[] = [];
  const look = definePlugin({
    name: "look",
    host: "^1.0.0",
    apply(host) {
      host.hooks.settled.tap("look", (exchange) => void settled.push(exchange));
      host.hooks.transform.for("tools/call").tap("look", (params, exchange) => {
        begun.push(exchange);
        return params;
      });
    },
  });
  const host = await createTestHost({
    plugins: [approval(options), ...(more.plugins ?? []), look()],
    upstreams: { files: up, ...more.upstreams },
    clock,
    ...(more.config && { config: more.config }),
    client: false,
  });
  const connect = async ({ principal, capabilities = { elicitation: {} } }: { principal?: Principal; capabilities?: Json } = {}) =>
    personAt(await host.connect({ capabilities, ...(principal && { principal }) }));
  const person = await connect({
    ...(more.capabilities && { capabilities: more.capabilities }),
    ...(more.principal && { principal: more.principal }),
  });
  return { host, up, clock, person, begun, settled, connect, [Symbol.asyncDispose]: () => host.close() };
}
