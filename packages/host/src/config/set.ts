/** What `--set` says: values of variables, and places of the config. */
export interface Settings {
  readonly variables: ReadonlyMap<string, string>;
  readonly places: readonly { readonly place: string; readonly value: string }[];
}

/** One rule: a key with a dot is a place of the config, any other names a variable. @throws Error for a bad form */
export function parseSettings(settings: readonly string[]): Settings {
  const variables = new Map<string, string>();
  const places: { place: string; value: string }[] = [];
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    const key = setting.slice(0, Math.max(0, equals));
    const value = setting.slice(equals + 1);
    if (key.includes(".")) places.push({ place: key, value });
    else if (/^[A-Za-z_]\w*$/.test(key)) variables.set(key, value);
    else
      throw new Error(
        `--set ${key || setting}: must be NAME=value for a variable or a.place=value for a place of the config, such as listen.port=8080`,
      );
  }
  return { variables, places };
}

type Container = Record<string, unknown>;

/** A copy of a config with one value put in its place; missing objects on the way are made. @throws Error for a bad place */
export function withPlace(config: unknown, place: string, value: string): unknown {
  const copy: unknown = structuredClone(config);
  if (!isContainer(copy)) return config;
  const segments = place.replace(/\[(\d+)\]/g, ".$1").split(".");
  const path: string[] = [];
  let at: Container = copy;
  for (let rest = segments; rest.length > 0; ) {
    const taken = longestKey(at, rest);
    const key = rest.slice(0, taken).join(".");
    if (key === "" || key === "__proto__") throw new Error(`--set ${place}: is not a place of the config`);
    path.push(key);
    rest = rest.slice(taken);
    if (rest.length === 0) {
      at[key] = literal(path, value);
      break;
    }
    const next = Object.hasOwn(at, key) ? at[key] : (at[key] = {});
    if (!isContainer(next)) throw new Error(`--set ${place}: ${path.join(".")} is a single value and holds nothing`);
    at = next;
  }
  return copy;
}

/** How many segments the next key takes: the name of a server may hold dots itself. */
function longestKey(at: Container, segments: readonly string[]): number {
  for (let length = segments.length; length > 1; length--) if (Object.hasOwn(at, segments.slice(0, length).join("."))) return length;
  return 1;
}

/** JSON where it is JSON, else the text; headers and variables of a child are always text. */
function literal(path: readonly string[], value: string): unknown {
  if (path[0] === "mcpServers" && (path[2] === "env" || path[2] === "headers")) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}
