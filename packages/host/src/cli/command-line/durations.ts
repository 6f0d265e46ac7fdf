import { UsageError } from "../../operator/usage-error.ts";

/** The value of a flag that is a duration such as 30s, in milliseconds; undefined where it is not given. @throws UsageError */
export async function durationOf(flag: string, text: string | undefined): Promise<number | undefined> {
  if (text === undefined) return undefined;
  const { duration } = await import("../../config/units.ts");
  const { data, error } = duration.safeParse(text);
  if (error) throw new UsageError(`${flag}: ${error.issues[0]?.message}`);
  return data;
}
