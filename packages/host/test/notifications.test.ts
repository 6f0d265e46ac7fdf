import { expect, test, vi } from "vitest";
import type { Caller } from "../dist/exchange/caller.js";
import { HostExchange } from "../dist/exchange/host-exchange.js";
import { Notifications } from "../dist/pipeline/notifications.js";
import type { Connection } from "../dist/upstream/connection.js";
import type { Json, Notification } from "../dist/wire/message.js";

type Options = ConstructorParameters<typeof Notifications>[0];
type Present = ReturnType<Options["present"]>;

/** Notifications of an upstream `b` to one session, without the host around them. */
function notices(hooks: Partial<Present["hooks"]> = {}) {
  const updates: [string, Json][] = [];
  const session = {
    id: "s",
    principal: { id: "anonymous", roles: [] },
    client: { info: {}, version: "", logLevel: undefined },
    updated: (uri: string, params: Json) => void updates.push([uri, params]),
  };
  const offer = { exposedUris: () => undefined };
  const subject = new Notifications({
    present: () => ({
      hooks: hooks as Present["hooks"],
      directory: { catalog: { permits: () => true }, offer: () => offer } as unknown as Present["directory"], // nothing is hidden or prefixed
    }),
    tasks: { byNative: () => undefined } as unknown as Options["tasks"], // no task
    caller: () => session as unknown as ReturnType<Options["caller"]>,
  } as unknown as Options); // the rest is not touched
  const subscriptions = new Map<string, Set<string>>();
  const changed = vi.fn((method: string) => method.endsWith("/list_changed"));
  const connection = {
    facts: { key: "b" },
    users: new Set(["s"]),
    restored: { subscriptions },
    listings: { changed },
  } as unknown as Connection;
  return {
    updates,
    changed,
    tell: (method: string, params?: Json) =>
      subject.receive(connection, { jsonrpc: "2.0", method, ...(params && { params }) } as Notification, undefined),
    subscribe(exposed: string, native: string) {
      const exchange = new HostExchange({
        method: "resources/subscribe",
        params: { uri: exposed },
        caller: session as unknown as Caller, // as far as a receiver needs one
        sink: undefined,
      });
      exchange.entry = { kind: "resource", name: exposed, upstream: "b", native, definition: {} };
      subject.subscribed(exchange);
      subscriptions.set(native, new Set(["s"]));
    },
  };
}

test("an update comes under the URI that was subscribed, and so does one of a part of it", () => {
  const { subscribe, tell, updates } = notices();
  subscribe("b+file:///x", "file:///x");
  subscribe("file:///xy", "file:///xy");
  for (const uri of ["file:///x", "file:///x/part", "file:///xy"]) tell("notifications/resources/updated", { uri });
  expect(updates).toEqual([
    ["b+file:///x", { uri: "b+file:///x" }],
    ["b+file:///x/part", { uri: "b+file:///x/part" }],
    ["file:///xy", { uri: "file:///xy" }],
  ]);
});

test("`notify` sees each change of a list once, and null ends it: the list is not read again for it", () => {
  const notify = vi.fn((notification: Readonly<Notification>) => (notification.method.includes("prompts") ? null : notification));
  const { tell, changed } = notices({ notify });
  tell("notifications/tools/list_changed");
  tell("notifications/prompts/list_changed");
  expect(notify).toHaveBeenCalledTimes(2);
  expect(changed.mock.calls).toEqual([["notifications/tools/list_changed"]]);
});
