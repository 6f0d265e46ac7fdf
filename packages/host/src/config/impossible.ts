import { placeOf } from "./parse.ts";
import { isPlain } from "./plain.ts";

/** Says of each key `__proto__` where it is: copying an object would lose it without a word. */
export function impossibleNames(config: unknown): string[] {
  const problems: string[] = [];
  const seen = new Set<unknown>();
  const look = (value: unknown, path: readonly (string | number)[]): void => {
    if (!isPlain(value) || seen.has(value)) return;
    seen.add(value);
    for (const [key, item] of Object.entries(value)) {
      const place = [...path, Array.isArray(value) ? Number(key) : key];
      if (key === "__proto__") problems.push(`${placeOf(place)}: nothing can have this name; choose another`);
      else look(item, place);
    }
  };
  look(config, []);
  return problems;
}
