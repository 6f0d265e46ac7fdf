import { isDeepStrictEqual } from "node:util";
import { nearest } from "../config/nearest.ts";
import { isPlainObject } from "../config/plain.ts";
import { BUILT_IN_TYPES, SERVER_KEYS, settingsSchema, urlUpstream } from "../config/server-schema.ts";

/** What else of a config starts, reads or opens nothing. */
const FREE = new Set(["mcpServers", "servers", "drain", "wait", "slowCall", "$schema", "version"]);

/** Settings of a server that start nothing and lead nowhere else. Roots would tell a program which folders it may use. */
const SETTINGS = new Set(Object.keys(settingsSchema.shape).filter((key) => key !== "relayRoots"));

const URL_KEYS = new Set(["type", "url", "headers", "proxy"]);
const URL_TYPES = new Set<unknown>([undefined, ...BUILT_IN_TYPES.filter((type) => type !== "stdio")]);
const KNOWN_URL_KEYS = new Set(Object.keys(urlUpstream.shape));

/**
 * What a change to a config does that only whoever has this machine may do: start another program, or the same one otherwise; load or set up
 * code; read another variable, file or secret; send what one server is given to another address.
 * @param before the config as its file writes it now @param after the same with the change
 * @returns a line for each, none where the change may come over the network
 */
export function reservedChanges(before: unknown, after: unknown): string[] {
  const [one, other] = [isPlainObject(before) ? before : {}, isPlainObject(after) ? after : {}];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => {
    if (isDeepStrictEqual(one[key], other[key])) return [];
    if (!FREE.has(key)) return [`${key}: decides what code runs, or who may do what`];
    if (key !== "mcpServers" && key !== "servers") return foreignReference(one[key], other[key], key);
    return serverChanges(one[key], other[key], key);
  });
}

function serverChanges(before: unknown, after: unknown, place: string): string[] {
  const [one, other] = [isPlainObject(before) ? before : {}, isPlainObject(after) ? after : {}];
  return Object.keys(other).flatMap((name) => {
    const was = Object.hasOwn(one, name) ? one[name] : undefined;
    return isDeepStrictEqual(was, other[name]) ? [] : serverChange(was, other[name], `${place}.${name}`);
  });
}

function serverChange(before: unknown, after: unknown, place: string): string[] {
  if (!isPlainObject(after)) return []; // no server; the schema says so
  const was = isPlainObject(before) ? before : undefined;
  const changed = [...new Set([...Object.keys(was ?? {}), ...Object.keys(after)])].filter(
    (key) => !isDeepStrictEqual(was?.[key], after[key]),
  );
  const isUrl = isUrlServer(after) && (was === undefined || isUrlServer(was));
  const problems = changed
    .filter((key) => !SETTINGS.has(key) && !(isUrl && URL_KEYS.has(key)))
    .map(
      (key) =>
        `${place}.${key}: ${SERVER_KEYS.has(key) ? "decides which program runs, and how" : `no setting of a server${nearest(key, [...SERVER_KEYS])}, or one of another type, which may start programs`}`,
    );
  problems.push(...changed.flatMap((key) => foreignReference(was?.[key], after[key], `${place}.${key}`)));
  if (isUrl && was && leadsElsewhere(was, after) && keptHeaders(was, after).length > 0)
    problems.push(`${place}.url: leads elsewhere, and ${keptHeaders(was, after).join(", ")} would go there; give its headers anew`);
  return problems;
}

/** Whether a server is reached over a URL and nothing in its entry says what to start. */
function isUrlServer(server: Record<string, unknown>): boolean {
  return typeof server.url === "string" && URL_TYPES.has(server.type) && Object.keys(server).every((key) => KNOWN_URL_KEYS.has(key));
}

function leadsElsewhere(was: Record<string, unknown>, now: Record<string, unknown>): boolean {
  return originOf(was.url) !== originOf(now.url) || !isDeepStrictEqual(was.proxy, now.proxy);
}

function originOf(url: unknown): string {
  const text = String(url);
  const origin = URL.canParse(text) ? new URL(text).origin : "null";
  return origin === "null" ? text : origin; // what has none is another with every change
}

/** Headers whose values stay as they were. */
function keptHeaders({ headers: before }: Record<string, unknown>, { headers: after }: Record<string, unknown>): string[] {
  if (!isPlainObject(before) || !isPlainObject(after)) return [];
  const known = new Set(Object.values(before));
  return Object.entries(after).flatMap(([name, value]) => (known.has(value) ? [name] : []));
}

/** A text with a reference that did not stand at this place before: what it stands for is this machine's. */
function foreignReference(before: unknown, after: unknown, place: string): string[] {
  if (typeof after === "string")
    return after.includes("${") && after !== before ? [`${place}: has a reference that was not there, to what is this machine's`] : [];
  if (typeof after !== "object" || after === null) return [];
  return Object.entries(after).flatMap(([key, item]) =>
    foreignReference(
      typeof before === "object" && before !== null && Object.hasOwn(before, key) ? (before as Record<string, unknown>)[key] : undefined,
      item,
      `${place}.${key}`,
    ),
  );
}
