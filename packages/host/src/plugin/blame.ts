import { HostError, type Sent } from "../errors.ts";
import type { Site } from "../exchange/exchange.ts";
import type { SealedHooks } from "./hook-set.ts";
import type { HookName } from "./hooks.ts";
import { laidTo } from "./tap-guard.ts";

/** What cannot be written as JSON, and through whose hands it went. */
export interface Unwritable {
  /** What it is, as in `an answer`. */
  readonly what: string;
  readonly hooks: SealedHooks;
  /** The hooks whose taps can have put it there. */
  readonly through: readonly HookName[];
  /** Of hooks by method: of this one; undefined where any may have run. */
  readonly method: string | undefined;
  /** Who made it in the first place, where that was a plugin. */
  readonly maker?: Site | undefined;
  readonly sent?: Sent;
  /** Why it cannot be written. */
  readonly cause: unknown;
}

/** The error for what a plugin made and nobody can write: it names the plugin, or those of which it is one. */
export function unwritable({ what, hooks, through, method, maker, sent, cause }: Unwritable): HostError {
  const ran = hooks.taps.filter((tap) => through.includes(tap.hook) && [undefined, "*", method ?? tap.method].includes(tap.method));
  const sites: readonly Site[] = [...(maker ? [maker] : []), ...ran.map(({ plugin, hook }) => ({ plugin, hook }))];
  const names = [...new Set(sites.map(({ plugin }) => plugin))];
  const words = `${what} that cannot be written as JSON`;
  const detail = { cause, ...(sent && { sent }) };
  const [site] = sites;
  if (site && names.length === 1) {
    const { plugin } = site;
    const error = new HostError("plugin_failure", `plugin "${plugin}" made ${words}`, { ...detail, plugin });
    return sites.every(({ hook }) => hook === site.hook) ? laidTo(error, site) : error;
  }
  const some = names.length === 0 ? "" : `; it is one of ${names.join(", ")}`;
  return new HostError("plugin_failure", `a plugin made ${words}${some}`, detail);
}
