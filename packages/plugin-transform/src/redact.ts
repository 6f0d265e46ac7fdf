import { type Detector, replaceFound } from "./detectors.ts";
import type { Alteration } from "./loosened.ts";
import type { Rewriting } from "./rewriting.ts";

/** What one rule takes out. */
export interface RedactSettings {
  /** By name, in the order of application. */
  readonly detectors: readonly (readonly [string, Detector])[];
  /** Fields whose value is taken out whatever it is; compared without case and separators. */
  readonly fields: readonly string[];
  /** What stands in the place of what was found; `{detector}` becomes the name. */
  readonly replacement: string;
}

/** Digits from which a number can be a card's. */
const LONG_NUMBER = 1e12;

/** Takes secrets and personal data out of JSON values. */
export class Redactor {
  readonly rewriting: Rewriting;
  readonly #settings: RedactSettings;
  readonly #detectors: readonly (readonly [Detector, () => string])[];
  readonly #fields: ReadonlySet<string>;
  readonly #found: (detector: string) => void;

  /** @param found is told of each thing that was taken out */
  constructor(settings: RedactSettings, found: (detector: string) => void) {
    this.#settings = settings;
    this.#fields = new Set(settings.fields.map(plain));
    this.#found = found;
    this.#detectors = settings.detectors.map(([name, detector]) => [
      detector,
      () => {
        found(name);
        return this.#replacement(name);
      },
    ]);
    const { size } = this.#fields;
    this.rewriting = {
      text: (text) => this.text(text),
      number: (value, written) => this.#number(value, written),
      keys: true,
      ...(size > 0 && { instead: (key: string) => this.#instead(key) }),
    };
  }

  text(text: string): string {
    let clean = text;
    for (const [detector, replacement] of this.#detectors) clean = replaceFound(clean, detector, replacement);
    return clean;
  }

  /** Whether the value of a field of this name is always taken out. */
  takes(field: string): boolean {
    return this.#fields.has(plain(field));
  }

  /** What it does with values, as far as their schema must know. */
  alteration(): Alteration {
    const { detectors } = this.#settings;
    const replacements = detectors.map(([name]) => this.#replacement(name));
    return {
      rewriting: new Redactor(this.#settings, () => {}).rewriting,
      ...(this.#fields.size > 0 && { takes: (field: string) => this.takes(field) }),
      // What a detector changed has its replacement in it; where that is empty, it can be anything.
      comes: (name) => replacements.some((replacement) => name.includes(replacement)),
    };
  }

  #number(value: number, written?: string): unknown {
    if (Math.abs(value) < LONG_NUMBER) return value;
    // One that is written has more digits than a number can have, or says them otherwise.
    for (const text of new Set([String(value), written ?? ""])) {
      const clean = this.text(text);
      if (clean !== text) return clean;
    }
    return value;
  }

  #instead(key: string): string | undefined {
    if (!this.takes(key)) return undefined;
    this.#found("field");
    return this.#replacement("field");
  }

  #replacement(name: string): string {
    return this.#settings.replacement.replaceAll("{detector}", name);
  }
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}
