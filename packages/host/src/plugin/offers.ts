import { type OfferedConfig, offeredConfig } from "../config/offered.ts";
import { ConfigError } from "../errors.ts";
import type { Caller } from "../exchange/caller.ts";
import { OfferLink, type OfferLinkOptions } from "./offer-link.ts";
import { NOTHING, type Surface, surfaceOf } from "./offer-surface.ts";
import type { OfferedToAll, OfferedToEach, Offering } from "./offering.ts";
import type { TapOwner } from "./tap-guard.ts";

type OffersAround = Pick<OfferLinkOptions, "failures" | "freezes">;
type Given = Offering | ((caller: Caller) => Offering);

/** What one plugin offers of its own: an upstream without a server, under the plugin's id. */
export class Offers implements OfferedToAll, OfferedToEach {
  readonly config: OfferedConfig;
  readonly #plugin: string;
  readonly #around: OffersAround;
  readonly #links = new Set<OfferLink>();
  /** Many callers may be given one and the same offering. */
  #surfaces = new WeakMap<Offering, Surface>();
  #given: Given;

  /** @throws ConfigError for what cannot be offered */
  constructor(plugin: Pick<TapOwner, "id" | "version" | "when">, around: OffersAround, given: Given) {
    if (plugin.when)
      throw new ConfigError([
        `plugin "${plugin.id}" offers entries of its own, which are there for every call, so its entry in the config may not have "when"; hide them with a plugin that taps "permit"`,
      ]);
    this.#plugin = plugin.id;
    this.#around = around;
    this.#given = this.#checked(given);
    const open = (caller: Caller | undefined): OfferLink => {
      const { id, version } = plugin;
      const surface = (): Surface => this.#surfaceFor(caller);
      const link = new OfferLink({ plugin: id, version, ...around, surface, closed: (each) => void this.#links.delete(each) });
      this.#links.add(link);
      return link;
    };
    this.config = offeredConfig(open, typeof given === "function" ? "session" : "shared");
  }

  update(given: Given): void {
    if ((typeof given === "function") !== (typeof this.#given === "function"))
      throw new ConfigError([
        `plugin "${this.#plugin}" offered ${typeof given === "function" ? "the same to all" : "each caller its own"}; update() takes what offer() was given: ${typeof given === "function" ? "an object" : "a function"}`,
      ]);
    const before = this.#surfaces;
    this.#surfaces = new WeakMap(); // an object that was changed in place is another offering
    try {
      this.#given = this.#checked(given);
    } catch (error) {
      this.#surfaces = before;
      throw error;
    }
    for (const link of this.#links) link.renew();
  }

  updated(uri: string): void {
    for (const link of this.#links) link.updated(uri);
  }

  #checked(given: Given): Given {
    if (typeof given !== "function") this.#surfaceOf(given);
    return given;
  }

  #surfaceFor(caller: Caller | undefined): Surface {
    const given = this.#given;
    if (typeof given !== "function") return this.#surfaceOf(given);
    if (!caller) return NOTHING; // what is each caller's own is nobody's
    try {
      return this.#surfaceOf(given(caller));
    } catch (error) {
      this.#around.failures.tell("a plugin failed", { plugin: this.#plugin, hook: "offer" }, error);
      return NOTHING;
    }
  }

  #surfaceOf(offering: Offering): Surface {
    const known = this.#surfaces.get(offering);
    if (known) return known;
    const surface = surfaceOf(this.#plugin, offering);
    this.#surfaces.set(offering, surface);
    return surface;
  }
}

export function offeredTwice(plugin: string, key: string): string {
  return key === plugin
    ? `plugin "${plugin}" calls offer twice; put all that it offers into one call`
    : `plugin "${plugin}" opens the group "${key}" twice; give each group a name of its own`;
}

export function nameTaken(plugin: string, key: string): string {
  return key === plugin
    ? `plugin "${plugin}" offers entries of its own as upstream "${key}", and mcpServers has a server of that name; rename the server, or give the plugin's entry another "id"`
    : `plugin "${plugin}" opens the group "${key}", and there is an upstream of that name; rename the group or the other one`;
}
