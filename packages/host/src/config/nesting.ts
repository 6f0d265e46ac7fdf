import { createScanner } from "jsonc-parser";
import { ConfigError } from "../errors.ts";

/** Levels that a text of JSON may have; what parses it goes down level by level, and the stack has an end. */
const LEVELS = 200;

/** @throws ConfigError for a text of JSON that is nested deeper than a config is */
export function checkNesting(text: string): void {
  const scanner = createScanner(text, true);
  let level = 0;
  for (scanner.scan(); scanner.getTokenOffset() < text.length; scanner.scan()) {
    const first = text[scanner.getTokenOffset()]; // a text begins with its quote
    if (first === "{" || first === "[") level++;
    else if (first === "}" || first === "]") level--;
    if (level <= LEVELS) continue;
    const place = `${scanner.getTokenStartLine() + 1}:${scanner.getTokenStartCharacter() + 1}`;
    throw new ConfigError([`${place}: nested deeper than ${LEVELS} levels; is it a config?`]);
  }
}
