import { isDeepStrictEqual } from "node:util";
import { isObject, type Json } from "mcp-host";
import { z } from "zod";
import { malformed } from "./failure.ts";

const path = z.string().max(4_096);
const value = z.unknown().refine((given) => given !== undefined, "must be there");

/** One operation of a JSON Patch (RFC 6902). */
export const operation = z.discriminatedUnion("op", [
  z.object({ op: z.enum(["add", "replace", "test"]), path, value }),
  z.object({ op: z.literal("remove"), path }),
  z.object({ op: z.enum(["move", "copy"]), path, from: path }),
]);
export type Operation = z.output<typeof operation>;

/** A place in a document: what holds it, and by which key or index. */
interface Place {
  readonly parent: Json | unknown[];
  readonly key: string;
}

/** A document that a patch is applied to, as the one whom it was shown to sees it (`shown`), and as it is. */
export interface Patched {
  readonly whole: Json;
  readonly shown: Json;
}

/**
 * Applies a JSON Patch to a message, whose parts that the patch does not name stay as they are, also those that were not shown.
 * `test` compares with what was shown, and no path leads into what was not.
 * @param most UTF-16 units that `copy` may add
 * @throws HookFailure where an operation cannot be applied: then none is
 */
export function patched(whole: Readonly<Json>, shown: Readonly<Json>, operations: readonly Operation[], most: number): Json {
  const view = new Patching(structuredClone(shown), most, true);
  const message = shown === whole ? undefined : new Patching(structuredClone(whole), most, false);
  for (const [index, each] of operations.entries()) {
    try {
      view.apply(each);
      message?.apply(each);
    } catch (error) {
      if (error instanceof Misfit) throw malformed(`has patch[${index}], which ${error.message}`);
      throw error;
    }
  }
  return (message ?? view).document;
}

class Misfit extends Error {}

class Patching {
  readonly document: Json;
  readonly #tests: boolean;
  #left: number;

  constructor(document: Json, left: number, tests: boolean) {
    this.document = document;
    this.#left = left;
    this.#tests = tests;
  }

  apply(operation: Operation): void {
    const target = placeOf(this.document, operation.path);
    switch (operation.op) {
      case "add":
        return put(target, structuredClone(operation.value));
      case "replace":
        at(target); // there has to be something
        target.parent[target.key as never] = structuredClone(operation.value) as never; // an index is a key, too
        return;
      case "remove":
        take(target);
        return;
      case "move": {
        if (operation.path.startsWith(`${operation.from}/`)) throw new Misfit("moves something into itself");
        const moved = take(placeOf(this.document, operation.from));
        return put(placeOf(this.document, operation.path), moved); // it may be another place by now
      }
      case "copy": {
        const copied = at(placeOf(this.document, operation.from));
        this.#left -= JSON.stringify(copied).length;
        if (this.#left < 0) throw new Misfit("copies more than may be added");
        return put(target, structuredClone(copied));
      }
      case "test":
        if (this.#tests && !isDeepStrictEqual(at(target), operation.value)) throw new Misfit("tests for another value than there is");
    }
  }
}

function placeOf(document: Json, pointer: string): Place {
  if (!pointer.startsWith("/")) throw new Misfit("has a path that begins with no /; the whole is given as payload");
  const keys = pointer.slice(1).split("/").map(unescaped);
  const key = keys.pop() as string; // there is one, if only the empty one
  let parent: unknown = document;
  for (const each of keys) {
    if (typeof parent !== "object" || parent === null) throw new Misfit("has a path into what holds nothing");
    parent = at({ parent: parent as Json | unknown[], key: each });
  }
  if (!Array.isArray(parent) && !isObject(parent)) throw new Misfit("has a path into what holds nothing");
  return { parent, key };
}

function unescaped(key: string): string {
  if (/~(?![01])/.test(key)) throw new Misfit("has a path with a ~ that is neither ~0 nor ~1");
  if (key === "__proto__") throw new Misfit("has a path with __proto__");
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}

/** The value at a place. */
function at({ parent, key }: Place): unknown {
  if (Array.isArray(parent)) return parent[indexOf(key, parent.length - 1)];
  if (!Object.hasOwn(parent, key)) throw new Misfit("has a path to what is not there");
  return parent[key];
}

function take(place: Place): unknown {
  const value = at(place);
  const { parent, key } = place;
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
  return value;
}

function put({ parent, key }: Place, value: unknown): void {
  if (!Array.isArray(parent)) parent[key] = value;
  else parent.splice(key === "-" ? parent.length : indexOf(key, parent.length), 0, value);
}

function indexOf(key: string, last: number): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(key) || Number(key) > last) throw new Misfit("has a path to what is not there");
  return Number(key);
}
