import { copyPlain, isPlain } from "./plain.ts";
import { configSchema } from "./schema.ts";

/** What `--set` says: values of variables, and places of the config. */
export interface Settings {
  readonly variables: ReadonlyMap<string, string>;
  readonly places: readonly { readonly place: string; readonly value: string }[];
}

/**
 * One rule: a key of the config, alone or with a dot after it, is a place of the config, any other names a variable.
 * @param problems gets one line for each setting of a bad form
 */
export function parseSettings(settings: readonly string[], problems: string[]): Settings {
  const variables = new Map<string, string>();
  const places: { place: string; value: string }[] = [];
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    const key = setting.slice(0, Math.max(0, equals));
    const value = setting.slice(equals + 1);
    if (/[.[]/.test(key) || Object.hasOwn(configSchema.shape, key)) places.push({ place: key, value });
    else if (/^[A-Za-z_]\w*$/.test(key)) variables.set(key, value);
    else
      problems.push(
        `--set ${key || setting}: must be NAME=value for a variable or a.place=value for a place of the config, such as listen.port=8080`,
      );
  }
  return { variables, places };
}

type Container = Record<string, unknown>;

/** A key of an object, or an index in brackets. */
interface Segment {
  readonly key: string;
  readonly index: boolean;
}

/** A copy of a config with one value put in its place; missing objects and lists on the way are made. @throws Error for a bad place */
export function withPlace(config: unknown, place: string, value: string): unknown {
  const copy = copyPlain(config);
  if (!isContainer(copy)) return config;
  const path: string[] = [];
  let at: Container = copy;
  for (let rest = segmentsOf(place); ; ) {
    const taken = longestKey(at, rest);
    const key = joined(rest.slice(0, taken));
    if (key === "" || key === "__proto__") throw new Error(`--set ${place}: is not a place of the config`);
    if (Array.isArray(at)) checkIndex(at, key, place, path);
    path.push(key);
    rest = rest.slice(taken);
    const [following] = rest;
    if (!following) {
      at[key] = literal(path, value);
      return copy;
    }
    const next = Object.hasOwn(at, key) ? at[key] : (at[key] = following.index ? [] : {});
    if (!isContainer(next)) throw new Error(`--set ${place}: ${path.join(".")} is a single value and holds nothing`);
    at = next;
  }
}

/** `a.b[0]` is the keys `a` and `b` and the index 0. */
function segmentsOf(place: string): Segment[] {
  return place.split(".").flatMap((part) => {
    const [, key = part, indexes = ""] = /^([^[\]]+)((?:\[\d+\])+)$/.exec(part) ?? [];
    return [{ key, index: false }, ...[...indexes.matchAll(/\d+/g)].map(([digits]) => ({ key: digits, index: true }))];
  });
}

function joined(segments: readonly Segment[]): string {
  return segments.map(({ key }) => key).join(".");
}

/** A list has no keys and no holes. */
function checkIndex(list: readonly unknown[], key: string, place: string, path: readonly string[]): void {
  const where = path.join(".");
  if (!/^\d+$/.test(key)) throw new Error(`--set ${place}: ${where} is a list; write its items as ${where}[0]`);
  if (Number(key) > list.length) throw new Error(`--set ${place}: ${where} has ${list.length} items, so the next one is [${list.length}]`);
}

/** How many segments the next key takes: the name of a server may hold dots itself. */
function longestKey(at: Container, segments: readonly Segment[]): number {
  for (let length = segments.length; length > 1; length--) if (Object.hasOwn(at, joined(segments.slice(0, length)))) return length;
  return 1;
}

/** What of a child or a request is always a text. */
const TEXTS: ReadonlySet<string | undefined> = new Set(["args", "env", "headers"]);

/** JSON where it is JSON, else the text; an argument, a variable or a header is always text. */
export function literal(path: readonly string[], value: string): unknown {
  if (path[0] === "mcpServers" && path.length > 3 && TEXTS.has(path[2])) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function isContainer(value: unknown): value is Container {
  return isPlain(value);
}
