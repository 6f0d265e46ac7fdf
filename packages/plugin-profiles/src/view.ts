import type { Caller, Entry, Principal } from "mcp-host";
import type { Options } from "./options.ts";
import type { Profile } from "./profile.ts";

/** What a caller has of the host: all that is in one of its profiles. Without any it is nothing at all. */
export class View {
  readonly #profiles: readonly Profile[];
  /** What all that is in none of them can still be: called. */
  readonly #hides: boolean;
  readonly description: string | undefined;
  readonly #instructions: string | undefined;

  constructor(profiles: readonly Profile[], outside: Options["outside"]) {
    this.#profiles = profiles;
    this.#hides = profiles.some((profile) => (profile.outside ?? outside) === "hide");
    this.description = joined(profiles.map(({ description }) => description));
    this.#instructions = joined(profiles.map(({ instructions }) => instructions));
  }

  permits(entry: Entry): boolean {
    return this.#hides || this.shows(entry);
  }

  /** Whether it is listed, if it may be used. */
  shows(entry: Entry): boolean {
    return this.#profiles.some((profile) => profile.includes(entry));
  }

  /** @param own those of the servers */
  instructions(own: string | undefined): string | undefined {
    return filled(this.#instructions, "{instructions}", own);
  }

  /** @param name an exposed name, a URI or a URI template @param own the description that is there */
  describe(name: string, own: string | undefined): string | undefined {
    const profile = this.#profiles.find(({ descriptions }) => descriptions.has(name));
    return filled(profile?.descriptions.get(name), "{description}", own);
  }
}

/** Who has what. */
export class Views {
  readonly #outside: Options["outside"];
  /** With the view of whoever may come in by the endpoint. */
  readonly #endpoints: ReadonlyMap<string, readonly [Profile, View]>;
  readonly #byRole: readonly Profile[];
  /** Of whoever has none by role; undefined is everything. */
  readonly #ordinary: View | undefined;
  readonly #nothing: View;
  /** A session keeps its principal. */
  readonly #known = new WeakMap<Principal, View | undefined>();

  constructor(profiles: ReadonlyMap<string, Profile>, { default: ordinary, outside }: Pick<Options, "default" | "outside">) {
    const all = [...profiles.values()];
    this.#outside = outside;
    this.#endpoints = new Map(
      all.filter(({ hasEndpoint }) => hasEndpoint).map((profile) => [profile.name, [profile, new View([profile], outside)]]),
    );
    this.#byRole = all.filter(({ roles }) => roles !== undefined);
    const fallback = ordinary === undefined ? undefined : profiles.get(ordinary);
    this.#ordinary = fallback && new View([fallback], outside);
    this.#nothing = new View([], outside);
  }

  /** What a caller has; undefined is everything. */
  of({ endpoint, principal }: Caller): View | undefined {
    const [profile, view] = (endpoint === undefined ? undefined : this.#endpoints.get(endpoint)) ?? [];
    if (profile) return profile.roles === undefined || profile.isByRole(principal.roles) ? view : this.#nothing;
    if (this.#byRole.length === 0) return this.#ordinary;
    if (!this.#known.has(principal)) {
      const own = this.#byRole.filter((each) => each.isByRole(principal.roles));
      this.#known.set(principal, own.length === 0 ? this.#ordinary : new View(own, this.#outside));
    }
    return this.#known.get(principal);
  }

  /** The profile that a caller came for and may not use. */
  refused(caller: Caller): string | undefined {
    return this.of(caller) === this.#nothing ? caller.endpoint : undefined;
  }
}

/** The text with what it replaces in its place; without a text, that. */
function filled(text: string | undefined, placeholder: string, own: string | undefined): string | undefined {
  return text === undefined ? own : text.replaceAll(placeholder, () => own ?? "").trim();
}

/** Each text once. */
function joined(texts: readonly (string | undefined)[]): string | undefined {
  const all = new Set(texts.filter((text) => text !== undefined));
  return all.size === 0 ? undefined : [...all].join("\n\n");
}
