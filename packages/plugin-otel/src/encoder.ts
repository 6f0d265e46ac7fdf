import type { Attributes } from "./span.ts";

/** What a collector did not take of a request that it took: how many, and why. */
export interface Rejected {
  readonly count: number;
  readonly why: string;
}

/** Writes one signal, and reads what a collector answers. */
export interface Encoder<T> {
  encode(items: readonly T[]): Uint8Array;
  rejected(answer: Uint8Array): Rejected;
}

/** What everything that is told is of. */
export interface Source {
  readonly resource: Attributes;
  readonly scope: { readonly name: string; readonly version: string };
}

/** Seconds and nanoseconds of milliseconds with fractions. */
export function timeOf(milliseconds: number): [number, number] {
  const seconds = Math.floor(milliseconds / 1_000);
  return [seconds, Math.round((milliseconds - seconds * 1_000) * 1e6)];
}
