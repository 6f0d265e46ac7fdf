import { duration } from "../../config/units.ts";
import { UsageError } from "./usage.ts";

/** The value of a flag that is a duration such as 30s, in milliseconds; undefined where it is not given. @throws UsageError */
export function durationOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const { data, error } = duration.safeParse(text);
  if (error) throw new UsageError(`${flag}: ${error.issues[0]?.message}`);
  return data;
}
