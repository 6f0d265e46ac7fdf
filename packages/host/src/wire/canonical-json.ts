import type { Json } from "./message.ts";

/**
 * A value as JSON with the keys of its objects in order of their UTF-16 units, so that equal values have one form (RFC 8785).
 * What JSON leaves out is left out.
 * @param longest UTF-16 units
 * @throws RangeError for more
 */
export function canonicalJson(value: unknown, longest = Number.POSITIVE_INFINITY): string {
  const text = typeof value === "object" && value !== null ? written(value, longest) : (JSON.stringify(value) ?? "null");
  if (text.length > longest) throw new RangeError(`the value is longer than ${longest} characters`);
  return text;
}

function written(value: object, longest: number): string {
  let text = "";
  const isList = Array.isArray(value);
  const fields = value as Readonly<Json>; // a list is an object with indices
  const names = Object.keys(value);
  if (!isList && names.length > 1) names.sort();
  for (const name of names) {
    const field = fields[name];
    if (field === undefined && !isList) continue;
    const item = canonicalJson(field, longest - text.length);
    const comma = text === "" ? "" : ",";
    text += isList ? comma + item : `${comma}${JSON.stringify(name)}:${item}`;
  }
  return isList ? `[${text}]` : `{${text}}`;
}
