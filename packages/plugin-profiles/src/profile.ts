import type { Entry } from "mcp-host";
import type { Options, ProfileOptions } from "./options.ts";
import { selection, type Test } from "./selection.ts";

/** One profile: a selection, and words of its own. */
export class Profile {
  readonly name: string;
  readonly description: string | undefined;
  /** With `{instructions}` for those of the servers. */
  readonly instructions: string | undefined;
  /** By exposed name, URI or URI template, with `{description}` for the one that is there. */
  readonly descriptions: ReadonlyMap<string, string>;
  /** Undefined where neither it nor what it extends says so. */
  readonly outside: Options["outside"] | undefined;
  readonly hasEndpoint: boolean;
  readonly roles: readonly string[] | undefined;
  readonly #selects: Test;
  /** Entries never change. */
  readonly #verdicts = new WeakMap<Entry, boolean>();

  constructor(name: string, given: ProfileOptions, bases: readonly Profile[]) {
    this.name = name;
    this.description = given.description;
    this.instructions = firstOf([given, ...bases].map(({ instructions }) => instructions));
    // What comes later wins in a map: its own, then those of the first base.
    this.descriptions = new Map([...bases.toReversed().flatMap((base) => [...base.descriptions]), ...Object.entries(given.descriptions)]);
    this.outside = firstOf([given, ...bases].map(({ outside }) => outside));
    this.hasEndpoint = given.endpoint;
    this.roles = given.roles;
    this.#selects = selection(
      given,
      bases.map((base) => (entry) => base.includes(entry)),
    );
  }

  includes(entry: Entry): boolean {
    let verdict = this.#verdicts.get(entry);
    if (verdict === undefined) this.#verdicts.set(entry, (verdict = this.#selects(entry)));
    return verdict;
  }

  /** Whether somebody has one of its roles. */
  isByRole(roles: readonly string[]): boolean {
    return this.roles?.some((role) => roles.includes(role)) === true;
  }
}

/** The profiles by name, each made after those that it extends. */
export function profilesOf({ profiles }: Options): ReadonlyMap<string, Profile> {
  const made = new Map<string, Profile>();
  const make = (name: string): Profile => {
    let profile = made.get(name);
    if (!profile) {
      const given = profiles[name] as ProfileOptions; // the schema knows each name, and no circle
      made.set(name, (profile = new Profile(name, given, given.extends.map(make))));
    }
    return profile;
  };
  // In the order of the config, whoever extends whom.
  return new Map(Object.keys(profiles).map((name) => [name, make(name)]));
}

function firstOf<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined);
}
