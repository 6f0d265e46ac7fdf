import { isDeepStrictEqual } from "node:util";
import { isObject, type Json } from "../wire/message.ts";
import { serverIn } from "../wire/modern.ts";
import { speaks } from "./discovery.ts";

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

/** What a server says of itself over the life of a connection. */
export class Description {
  readonly #version: string;
  #server: Described;
  readonly #changed: (server: Described) => void;

  /** @param changed told when it says something else */
  constructor(version: string, server: Described, changed: (server: Described) => void) {
    this.#version = version;
    this.#server = server;
    this.#changed = changed;
  }

  /** Takes what it says now; false where it speaks the version no more. */
  holds(discovered: Json): boolean {
    if (!speaks(discovered, this.#version)) return false;
    const now = described(discovered);
    if (isDeepStrictEqual(now, this.#server)) return true;
    this.#server = now;
    this.#changed(now);
    return true;
  }
}
