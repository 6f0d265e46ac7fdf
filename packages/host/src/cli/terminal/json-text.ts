import { escapedJson } from "../../log.ts";

/** JSON for standard output, indented, with what steers a terminal escaped. @param replacer as for `JSON.stringify` */
export function jsonText(value: unknown, replacer?: (key: string, value: unknown) => unknown): string {
  return `${escapedJson(value, replacer, 2)}\n`;
}
