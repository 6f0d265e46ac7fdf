import type { Json } from "mcp-host";
import { type Detector, replaceFound } from "./detectors.ts";
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

/**
 * The output schema of results that are redacted: what a text looks like is no longer promised, nor that a long number is
 * one, nor anything about fields that are always taken out.
 */
export function redactedSchema(schema: unknown, redactor: Redactor, depth = 0): unknown {
  if (typeof schema !== "object" || schema === null || depth > 64) return schema;
  if (Array.isArray(schema)) return schema.map((each) => redactedSchema(each, redactor, depth + 1));
  const { format: _f, pattern: _p, minLength: _n, maxLength: _x, enum: _e, const: _c, ...rest } = schema as Json; // no array
  return Object.fromEntries(
    Object.entries(rest).map(([key, value]) => {
      if (key === "type") return [key, looser(value)];
      if (!NAMED.has(key)) return [key, redactedSchema(value, redactor, depth + 1)];
      const named = Object.entries(value ?? {}).map(([name, sub]) => [
        name,
        redactor.takes(name) ? {} : redactedSchema(sub, redactor, depth + 1),
      ]);
      return [key, Object.fromEntries(named)];
    }),
  );
}

/** Keywords whose keys are names of somebody's choosing. */
const NAMED = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);

function looser(type: unknown): unknown {
  const types = Array.isArray(type) ? (type as unknown[]) : [type];
  const isNumber = types.includes("integer") || types.includes("number");
  return isNumber && !types.includes("string") ? [...types, "string"] : type;
}
