import type { z } from "zod";
import type { Caller } from "../exchange/caller.ts";
import type { Link } from "../wire/link.ts";
import type { UpstreamConfig } from "./schema.ts";
import { settingsSchema } from "./server-schema.ts";

/** What a plugin offers in the place of a server: no file has it, and its settings are the defaults. */
export interface OfferedConfig extends z.output<typeof settingsSchema> {
  /** Makes the way in. @param caller whose alone it is, where it is one caller's */
  readonly open: (caller: Caller | undefined) => Link;
}

/** @param isolation `session` where each caller is offered something else */
export function offeredConfig(open: OfferedConfig["open"], isolation: "shared" | "session"): OfferedConfig {
  return { ...settingsSchema.parse({ isolation, healthInterval: 0 }), open };
}

/** What an upstream is made of. */
export type AnyUpstreamConfig = UpstreamConfig | OfferedConfig;
