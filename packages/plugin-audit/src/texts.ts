import { redactText } from "mcp-host";

/** UTF-16 units of a text that are looked at, and that are kept. */
const LOOKED = 8 * 1024;
const KEPT = 512;
/** Of texts that come again and again: so many, and so long are they remembered. */
const MOST = 2_000;
const LONGEST = 256;
const FRESH = 1_000;

/** A text as it may be kept, and as JSON has it. */
interface Clean {
  readonly text: string;
  readonly json: string;
}

/** Texts that clients and servers choose, on their way into the log: without secrets, and cut. */
export class Texts {
  #clean = new Map<string, Clean>();
  #since = 0;

  /** @param now milliseconds that never go back: what became a secret meanwhile is found within a second */
  of(text: string, now: number): string {
    return this.#of(text, now).text;
  }

  /** The same as JSON, in quotes. */
  json(text: string, now: number): string {
    return this.#of(text, now).json;
  }

  #of(text: string, now: number): Clean {
    if (now - this.#since > FRESH || this.#clean.size >= MOST) {
      this.#clean = new Map();
      this.#since = now;
    }
    const known = this.#clean.get(text);
    if (known !== undefined) return known;
    const redacted = redactText(text.length > LOOKED ? text.slice(0, LOOKED) : text);
    const kept = redacted.length > KEPT ? `${redacted.slice(0, KEPT)}...` : redacted;
    const clean = { text: kept, json: JSON.stringify(kept) };
    if (text.length <= LONGEST) this.#clean.set(text, clean);
    return clean;
  }
}
