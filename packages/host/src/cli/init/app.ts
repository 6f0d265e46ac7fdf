import { isObject, type Json } from "../../wire/message.ts";

/** Keys of such an entry that are taken over. */
const KNOWN = ["clientId", "callbackPort", "scopes"];

/**
 * What a client's entry says with `oauth` of an app that was registered with the server by hand, as options of the plugin that signs in: the app
 * takes browsers back at the client's redirect address only, so the host uses the same one.
 * @param path of that address, at http://localhost
 * @returns nothing where no app is named; `rest` has the keys that are not taken over
 */
export function appOf({ oauth }: Json, path: string | undefined): { readonly app: Json; readonly rest: readonly string[] } | undefined {
  if (path === undefined || !isObject(oauth) || typeof oauth.clientId !== "string" || oauth.clientId === "") return undefined;
  const { clientId, callbackPort: port, scopes } = oauth;
  const isPort = Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536;
  const names = typeof scopes === "string" ? scopes.split(" ").filter((scope) => scope !== "") : [];
  return {
    app: {
      clientId,
      callback: { host: "localhost", ...(isPort && { port }), path },
      ...(names.length > 0 && { scopes: names }),
    },
    rest: Object.keys(oauth).filter((key) => !KNOWN.includes(key)),
  };
}
