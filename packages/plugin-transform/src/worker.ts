import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type { Ajv, ErrorObject, ValidateFunction } from "ajv";
import type { Answer, Program, Task, WorkerLimits } from "./engine.ts";

/** The thread in which an operator's schemas and JSONata run: what takes too long there is ended with the thread. */

// Both are CommonJS, and only what a program needs is loaded.
const require = createRequire(import.meta.url);

const { programs, limits } = workerData as { programs: readonly Program[]; limits: WorkerLimits }; // what the engine gave
const port = parentPort as NonNullable<typeof parentPort>; // a worker has one

type Run = (input: unknown) => Promise<unknown>;
const compiled = new Map<number, Run>();

const DRAFT_7 = /draft-0[67]/;
/** Mistakes that are told of one value. */
const TOLD = 5;
/** Characters that are told of a place, which a caller can make as long as a message. */
const PLACE = 200;

function compile(program: Program): Run {
  return program.kind === "schema" ? validator(program.schema) : expression(program.text);
}

function validator(schema: Readonly<Record<string, unknown>>): Run {
  // The packages export the class under this name.
  const load = (name: string): typeof Ajv => (require(name) as { default: typeof Ajv }).default;
  const Class = load(DRAFT_7.test(String(schema.$schema)) ? "ajv" : "ajv/dist/2020.js");
  const ajv = new Class({ strict: false, allErrors: false, validateFormats: false, logger: false });
  const validate: ValidateFunction = ajv.compile(schema);
  return async (input) => (validate(input) ? [] : (validate.errors ?? []).slice(0, TOLD).map(told));
}

/** The place and the rule, never the value. */
function told({ instancePath, message = "is not valid", params, keyword }: ErrorObject): string {
  const more = keyword === "additionalProperties" || keyword === "unevaluatedProperties" ? "" : allowed(params);
  return `${instancePath === "" ? "/" : instancePath.slice(0, PLACE)} ${message}${more}`;
}

function allowed({ allowedValues }: Record<string, unknown>): string {
  return Array.isArray(allowedValues) ? `: ${allowedValues.slice(0, 20).map(String).join(", ")}` : "";
}

function expression(text: string): Run {
  const jsonata = require("jsonata") as typeof import("jsonata");
  // The engine ends what does not heed its own limits.
  const program = jsonata(text, { timeout: limits.time, stack: limits.depth, sequence: 1_000_000 });
  return async (input) => {
    const value: unknown = await program.evaluate(input);
    const json = value === undefined ? "null" : JSON.stringify(value);
    if (json === undefined) throw new Error("it gives a function");
    if (Buffer.byteLength(json) > limits.size) throw new Error(`it gives more than ${limits.size} bytes`);
    return json;
  };
}

/** What of an error may be told: when it runs, jsonata's messages quote values and its codes do not. */
function reasonOf(error: unknown, compiling: boolean): string {
  if (typeof error !== "object" || error === null) return "it failed";
  const { code, position, message } = error as { code?: unknown; position?: unknown; message?: unknown }; // whatever was thrown
  if (typeof code === "string")
    return `${code}${typeof position === "number" ? ` at character ${position}` : ""}${compiling ? `: ${String(message)}` : ""}`;
  return typeof message === "string" ? message : "it failed";
}

async function answer({ id, index, input, compileOnly }: Task): Promise<Answer> {
  try {
    let run = compiled.get(index);
    if (!run) compiled.set(index, (run = compile(programs[index] as Program))); // the engine counts its own programs
    return { id, value: compileOnly ? null : await run(input) };
  } catch (error) {
    return { id, error: reasonOf(error, compileOnly === true) };
  }
}

port.on("message", (task: Task | "end") => {
  // Without its port the thread ends by itself, with everything written that it has to write.
  if (task === "end") port.close();
  else void answer(task).then((given) => port.postMessage(given));
});
