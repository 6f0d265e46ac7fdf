import { isObject, type Json } from "../wire/message.ts";
import { serverIn } from "../wire/modern.ts";

/** What a server of the modern era says of itself, as one of the legacy era does at `initialize`. */
export interface Described {
  readonly capabilities: Readonly<Json>;
  readonly serverInfo: Readonly<Json>;
  readonly instructions: string | undefined;
}

/** @param discovered an answer to `server/discover` */
export function described(discovered: Json): Described {
  const { capabilities, instructions } = discovered;
  const { tasks: _, ...known } = isObject(capabilities) ? capabilities : {};
  return {
    capabilities: known,
    serverInfo: serverIn(discovered),
    instructions: typeof instructions === "string" ? instructions : undefined,
  };
}
