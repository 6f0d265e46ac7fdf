import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { tildeHint } from "../../config/text-file.ts";

/** A value that an entry of a registry or a bundle asks for. */
export interface Question {
  /** As `--value` names it. */
  readonly name: string;
  /** What becomes of it: `the variable API_KEY`. */
  readonly place: string;
  readonly description: string | undefined;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  /** Whether it may have several values. */
  readonly isRepeated: boolean;
  /** Whether it may be given without a value, as a flag is. */
  readonly mayBeEmpty?: boolean | undefined;
  readonly format: "string" | "number" | "boolean" | "path" | "file" | "directory";
  readonly choices: readonly string[] | undefined;
  /** Where nobody says anything. */
  readonly standard: readonly string[] | undefined;
  /** An example of a value. */
  readonly example?: string | undefined;
  readonly least?: number | undefined;
  readonly most?: number | undefined;
}

/** A value as it is used. @throws Error in words for whoever gave it */
export function checkedValue(question: Question, given: string): string {
  const { format, choices, isRequired, mayBeEmpty } = question;
  if (given.includes("${")) return given; // a reference: the value is known when the config is read
  if (given.includes("\0")) throw new Error("must hold no NUL character");
  if (given === "" && mayBeEmpty) return given;
  if (given === "" && isRequired) throw new Error("must not be empty");
  if (choices && choices.length > 0 && !choices.includes(given)) throw new Error(`must be one of ${choices.join(", ")}`);
  if (format === "number") return checkedNumber(question, given);
  if (format === "boolean" && given !== "true" && given !== "false") throw new Error("must be true or false");
  if (format === "path" || format === "file" || format === "directory") return checkedPath(format, given);
  return given;
}

function checkedNumber({ least, most }: Question, given: string): string {
  const value = Number(given);
  if (!/^-?\d{1,20}(\.\d{1,20})?$/.test(given)) throw new Error("must be a number");
  if (least !== undefined && value < least) throw new Error(`must be at least ${least}`);
  if (most !== undefined && value > most) throw new Error(`must be at most ${most}`);
  return given;
}

/** Absolute: the server runs in another folder than whoever gives the path. */
function checkedPath(format: "path" | "file" | "directory", given: string): string {
  if (given === "") return given;
  const path = isAbsolute(given) ? given : resolve(given);
  if (format === "path") return path;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (format === "directory" && !stat?.isDirectory()) throw new Error(`there is no folder ${path}${tildeHint(given)}`);
  if (format === "file" && stat?.isDirectory()) throw new Error(`${path} is a folder, and a file is asked for`);
  return path;
}
