import { placeOf } from "../../config/parse.ts";

/** What became of one place of another gateway's file. */
export interface Note {
  /** `carried` over as it is, `changed` into what does the same here, or `left` where it was. */
  readonly outcome: "carried" | "changed" | "left";
  /** The place in that file. */
  readonly at: string;
  /** The place in the config, of what was carried over; else what there is to say, as half a sentence. */
  readonly told: string;
  /** What to do in its place, as a sentence. */
  readonly instead?: string;
}

export type Place = readonly (string | number)[];

/** The notes of one migration, in the order in which they were made; each is made once. */
export class Report {
  #notes: Note[] = [];
  readonly #made = new Set<string>();

  get notes(): readonly Note[] {
    return this.#notes;
  }

  /** @param to its place in the config */
  carried(at: Place, to: string): void {
    this.#add({ outcome: "carried", at: placeOf(at), told: to });
  }

  changed(at: Place, told: string, instead?: string): void {
    this.#add({ outcome: "changed", at: placeOf(at), told, ...(instead !== undefined && { instead }) });
  }

  left(at: Place, told: string, instead?: string): void {
    this.#add({ outcome: "left", at: placeOf(at), told, ...(instead !== undefined && { instead }) });
  }

  /** Of what is left as a whole, nothing was carried over. */
  withdraw(at: Place): void {
    const place = placeOf(at);
    const isWithin = (other: string): boolean => other === place || other.startsWith(`${place}.`) || other.startsWith(`${place}[`);
    this.#notes = this.#notes.filter((note) => note.outcome === "left" || !isWithin(note.at));
  }

  #add(note: Note): void {
    const key = JSON.stringify([note.outcome, note.at, note.told]);
    if (this.#made.has(key)) return;
    this.#made.add(key);
    this.#notes.push(note);
  }
}
