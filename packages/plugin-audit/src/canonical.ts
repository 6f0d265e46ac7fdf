/** Longest text, in UTF-16 units, that is made of one value. */
const MOST = 1024 ** 2;

/** The value is longer than what is looked at. */
export class TooLong extends Error {}

/**
 * A value as JSON with the keys of its objects in order of their UTF-16 units (RFC 8785), so that equal values have one form.
 * @throws TooLong for more than a million units
 */
export function canonical(value: unknown): string {
  const parts: string[] = [];
  let size = 0;
  const add = (text: string): void => {
    size += text.length;
    if (size > MOST) throw new TooLong();
    parts.push(text);
  };
  const write = (each: unknown): void => {
    if (Array.isArray(each)) {
      add("[");
      for (const [index, item] of each.entries()) {
        if (index > 0) add(",");
        write(item === undefined ? null : item);
      }
      return add("]");
    }
    if (typeof each !== "object" || each === null) return add(JSON.stringify(each) ?? "null");
    const fields = each as Record<string, unknown>; // an object that is no array
    let isFirst = true;
    add("{");
    for (const key of Object.keys(fields).sort()) {
      if (fields[key] === undefined) continue;
      add(`${isFirst ? "" : ","}${JSON.stringify(key)}:`);
      isFirst = false;
      write(fields[key]);
    }
    add("}");
  };
  write(value);
  return parts.join("");
}
