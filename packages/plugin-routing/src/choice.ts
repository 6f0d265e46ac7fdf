import { hash } from "node:crypto";
import type { Random } from "mcp-host";
import type { GroupOptions } from "./options.ts";

/** One that may be chosen. */
export interface Candidate {
  readonly server: string;
  /** Above 0: what the options say, less while it has only a part of its share. */
  readonly weight: number;
  /** Which part that is; 1 for most. */
  readonly share: number;
  readonly inFlight: number;
  /** In milliseconds; undefined while nothing is known. */
  readonly latency: number | undefined;
}

/** Chooses one of several, which are never none. */
export type Choose = (candidates: readonly Candidate[], key: () => string) => Candidate;

/** Makes the chooser of a policy. One with a memory is one target's alone. */
export function chooserOf(policy: GroupOptions["policy"], random: Pick<Random, "float">): Choose {
  switch (policy) {
    case "round-robin":
      return inTurn(({ share }) => share);
    case "weighted":
      return inTurn(({ weight }) => weight);
    case "least-in-flight":
      return (candidates) => best(candidates, ({ inFlight, weight }) => (inFlight + 1) / weight, random);
    case "two-choices":
      return twoChoices(random);
    case "hash":
      return (candidates, key) => hashed(candidates, key());
  }
}

/**
 * One after the other by weight, evenly mixed: each is owed its share with every call, and who is owed most gets it (as nginx does
 * it). Who is away is owed nothing more meanwhile.
 */
function inTurn(weightOf: (candidate: Candidate) => number): Choose {
  const owed = new Map<string, number>();
  return (candidates) => {
    let total = 0;
    let most = Number.NEGATIVE_INFINITY;
    let chosen = candidates[0] as Candidate; // there is one
    for (const candidate of candidates) {
      const weight = weightOf(candidate);
      const due = (owed.get(candidate.server) ?? 0) + weight;
      total += weight;
      owed.set(candidate.server, due);
      if (due <= most) continue;
      most = due;
      chosen = candidate;
    }
    owed.set(chosen.server, most - total);
    return chosen;
  };
}

/** The lowest cost; of equal ones any. */
function best(candidates: readonly Candidate[], cost: (candidate: Candidate) => number, random: Pick<Random, "float">): Candidate {
  const least = Math.min(...candidates.map(cost));
  const equal = candidates.filter((candidate) => cost(candidate) === least);
  return equal[Math.floor(random.float() * equal.length)] as Candidate; // one has the least
}

/** Two at random, of which the one with less work and faster answers is taken: no herd runs to the one that is best for now. */
function twoChoices(random: Pick<Random, "float">): Choose {
  return (candidates) => {
    if (candidates.length === 1) return candidates[0] as Candidate; // just counted
    const first = Math.floor(random.float() * candidates.length);
    const second = (first + 1 + Math.floor(random.float() * (candidates.length - 1))) % candidates.length;
    const two = [candidates[first] as Candidate, candidates[second] as Candidate]; // both below the length
    const known = two.flatMap(({ latency }) => latency ?? []);
    // Who has not answered yet is as fast as the other, and so is asked.
    const usual = known.length > 0 ? Math.min(...known) : 1;
    return best(two, ({ latency = usual, inFlight, weight }) => ((latency + 1) * (inFlight + 1)) / weight, random);
  };
}

/** By the highest random weight (rendezvous hashing): when one goes, only its own keys move. */
function hashed(candidates: readonly Candidate[], key: string): Candidate {
  let chosen = candidates[0] as Candidate; // there is one
  let most = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    const score = -candidate.weight / Math.log(unit(`${candidate.server} ${key}`));
    if (score <= most) continue;
    most = score;
    chosen = candidate;
  }
  return chosen;
}

/** A number above 0 and below 1 that a text always has. */
export function unit(text: string): number {
  return (Number.parseInt(hash("sha1", text, "hex").slice(0, 12), 16) + 0.5) / 2 ** 48;
}
