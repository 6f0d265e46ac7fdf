import type { Connection } from "./connection.ts";

/** Makes one connection keep what the callers of another were promised. */
export function inherit(heir: Connection, { users, restored }: Connection): void {
  for (const id of users) heir.users.add(id);
  if (restored.level !== undefined) heir.setLevel(restored.level);
  for (const uri of heir.restored.inherit(restored)) subscribe(heir, uri);
}

/** Makes one connection keep what a single caller of another was promised. */
export function handOver(id: string, from: Connection, to: Connection): void {
  from.users.delete(id);
  if (from.restored.level !== undefined && to.restored.level === undefined) to.setLevel(from.restored.level);
  for (const [uri, callers] of from.restored.subscriptions) {
    if (!callers.delete(id)) continue;
    if (callers.size === 0) unsubscribe(from, uri);
    if (to.restored.add(uri, id)) subscribe(to, uri);
  }
}

/** A caller is gone. Gives whether it used the connection. */
export function leave(id: string, connection: Connection): boolean {
  if (!connection.users.delete(id)) return false;
  for (const [uri, callers] of connection.restored.subscriptions)
    if (callers.delete(id) && callers.size === 0) unsubscribe(connection, uri);
  return true;
}

function subscribe(connection: Connection, uri: string): void {
  if (connection.isReady) connection.request("resources/subscribe", { uri }).catch(() => {});
}

function unsubscribe(connection: Connection, uri: string): void {
  connection.restored.subscriptions.delete(uri);
  if (connection.isReady) connection.request("resources/unsubscribe", { uri }).catch(() => {});
}
