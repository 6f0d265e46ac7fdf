import { HostError } from "../errors.ts";

/** A message that was not sent, since it is no JSON: a plugin put a cycle, a BigInt or the like into it. Who sends knows what it was to be. */
export class NoJson extends HostError {
  constructor(cause: unknown) {
    super("plugin_failure", "a plugin made a message that cannot be written as JSON", { cause });
  }
}
