import { isDeepStrictEqual } from "node:util";
import { isObject, type Json } from "mcp-host";
import { z } from "zod";
import { HookFailure, malformed } from "./failure.ts";
import { checkFields, type Side } from "./fields.ts";
import { operation, patched } from "./patch.ts";
import { restored } from "./restore.ts";

/** Nesting of what a hook gives back; messages of clients have 64 levels at most. */
const DEPTH = 100;
/** Characters of what a refusal says. */
const WORDS = 1_000;

const severity = z.enum(["info", "warn", "error"]);

/** As SEP-2624 has results of interceptors; what it has besides (`info`, `suggestions`, ...) is not looked at. */
const result = z.object({
  type: z.enum(["validation", "mutation"]).optional(),
  phase: z.enum(["request", "response"]).optional(),
  valid: z.boolean().optional(),
  severity: severity.optional(),
  messages: z
    .array(z.object({ path: z.string().optional(), message: z.string(), severity: severity.default("error") }))
    .max(100)
    .optional(),
  modified: z.boolean().optional(),
  payload: z.custom<Json>(isObject, "must be an object").optional(),
  patch: z.array(operation).max(1_000).optional(),
});
type Result = z.output<typeof result>;

/** What a hook was asked about. */
export interface Question {
  readonly phase: "request" | "response";
  /** Undefined at a stage that only says yes or no. */
  readonly subject: Subject | undefined;
}

/** The message that a hook may change. */
export interface Subject {
  readonly side: Side;
  readonly method: string;
  /** Without `_meta`. */
  readonly whole: Readonly<Json>;
  /** As the hook sees it. */
  readonly shown: Readonly<Json>;
}

export type Verdict =
  | { readonly did: "allowed" | "warned"; readonly words?: string }
  | { readonly did: "refused"; readonly words: string }
  /** @property message in the place of the subject's `whole` */
  | { readonly did: "changed"; readonly message: Json };

/**
 * The verdict that a hook's answer is.
 * @param most bytes that a patch may add by copying
 * @throws HookFailure for what is none: nothing of it counts
 */
export function verdictOf(text: string, { phase, subject }: Question, most: number): Verdict {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw new HookFailure("malformed", "its answer is not JSON");
  }
  if (!isObject(given)) throw new HookFailure("malformed", "its answer is no JSON object");
  const parsed = result.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`is none: ${issue?.path.slice(0, 8).join(".") || "it"}: ${issue?.message.slice(0, 200)}`);
  }
  const { data } = parsed;
  if ((data.valid === undefined) === (data.modified === undefined)) throw malformed('must have one of "valid" and "modified"');
  if (data.type !== undefined && data.type !== (data.valid === undefined ? "mutation" : "validation"))
    throw malformed(`says that it is a ${data.type}, and is none`);
  if (data.phase !== undefined && data.phase !== phase) throw malformed(`is for the ${data.phase}, and the ${phase} was asked about`);
  return data.valid === undefined ? mutation(data, subject, most) : validation(data);
}

function validation({ valid, severity, messages = [] }: Result): Verdict {
  const words = spoken(messages);
  if (valid) {
    if (severity === "error") throw malformed('is valid with the severity "error"');
    return { did: severity === "warn" ? "warned" : "allowed", ...(words !== "" && { words }) };
  }
  return (severity ?? "error") === "error"
    ? { did: "refused", words: words || "it gives no reason" }
    : { did: severity === "warn" ? "warned" : "allowed", ...(words !== "" && { words }) };
}

function mutation({ modified, payload, patch }: Result, subject: Subject | undefined, most: number): Verdict {
  if (!modified) return { did: "allowed" };
  if (!subject) throw malformed("changes what it was only to allow, or was not shown");
  if ((payload === undefined) === (patch === undefined)) throw malformed('is modified and must have one of "payload" and "patch"');
  checkJson(payload ?? patch, 0);
  const { side, method, whole, shown } = subject;
  const message = patch ? patched(whole, shown, patch, most) : (restored(payload, shown, whole) as Json); // both were objects
  if (isDeepStrictEqual(message, whole)) return { did: "allowed" };
  checkFields(side, method, whole, message);
  return { did: "changed", message };
}

/** What a refusal says: the errors, or whatever is said where there is none. */
function spoken(messages: NonNullable<Result["messages"]>): string {
  const errors = messages.filter((each) => each.severity === "error");
  const told = (errors.length > 0 ? errors : messages).map(({ path, message }) => (path ? `${message} (${path})` : message));
  return plain(told.join("; "));
}

/** One line, and not too long. */
function plain(text: string): string {
  const line = text
    .slice(0, 4 * WORDS)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
  return line.length > WORDS ? `${line.slice(0, WORDS).replace(/[\uD800-\uDBFF]$/, "")}...` : line;
}

/** @throws HookFailure for what is nested too deeply, or would be another object's prototype */
function checkJson(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth === DEPTH) throw malformed(`is nested deeper than ${DEPTH} levels`);
  if (Object.hasOwn(value, "__proto__")) throw malformed("has a field __proto__");
  for (const each of Array.isArray(value) ? value : Object.values(value)) checkJson(each, depth + 1);
}
