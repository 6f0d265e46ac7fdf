import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { ROOT } from "../harness/hosts.ts";

/** What a lockfile says of a package. */
interface Entry {
  readonly link?: boolean;
  readonly resolved?: string;
  readonly optional?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { optional?: boolean }>>;
}

const lockfile = (): Record<string, Entry> =>
  (JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as { packages: Record<string, Entry> }).packages;

/** What a package needs to run. */
function needsOf({ dependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta = {} }: Entry): string[] {
  const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
  return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

/** Where Node finds `name` from `folder`, as a path of the lockfile. */
function placeOf(all: Record<string, Entry>, folder: string, name: string): string | undefined {
  for (let at = folder; ; at = at === "" || !at.includes("/") ? "" : dirname(at)) {
    const place = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (place in all) return place;
    if (at === "") return undefined;
  }
}

/** Everything that these names need, looked up from `folder`: places in the lockfile. */
function closure(all: Record<string, Entry>, starts: readonly { folder: string; names: readonly string[] }[]): Set<string> {
  const found = new Set<string>();
  const open = starts.flatMap(({ folder, names }) => names.map((name) => ({ folder, name })));
  for (let next = open.pop(); next; next = open.pop()) {
    const place = placeOf(all, next.folder, next.name);
    if (place === undefined || found.has(place)) continue;
    found.add(place);
    const entry = all[place] ?? {};
    if (!entry.link) open.push(...needsOf(entry).map((name) => ({ folder: place, name })));
  }
  return found;
}

/** Copies packages out of the checkout's node_modules. One that is missing there is for another platform, or the checkout is not installed. */
function copy(all: Record<string, Entry>, places: Iterable<string>, to: string): void {
  for (const place of places) {
    const entry = all[place] ?? {};
    if (entry.link) continue;
    const from = join(ROOT, place);
    if (existsSync(from))
      cpSync(from, join(to, place), { recursive: true, filter: (file) => file === from || basename(file) !== "node_modules" });
    else if (!entry.optional) throw new Error(`${place} is not installed; run npm install`);
  }
}

/** The links that npm makes for the workspaces that there are in `folder`, and for their programs. */
function linkWorkspaces(all: Record<string, Entry>, folder: string): void {
  for (const [place, { link, resolved = "" }] of Object.entries(all)) {
    if (!link || !existsSync(join(folder, resolved))) continue;
    mkdirSync(dirname(join(folder, place)), { recursive: true });
    symlinkSync(relative(dirname(join(folder, place)), join(folder, resolved)), join(folder, place));
    for (const [name, file] of Object.entries(all[resolved]?.bin ?? {})) {
      mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
      if (!existsSync(join(folder, "node_modules/.bin", name)))
        symlinkSync(join("..", place.replace("node_modules/", ""), file), join(folder, "node_modules/.bin", name));
    }
  }
}

/** In the place of `npm ci --omit=dev`: what the workspaces in `folder` need, copied, and nothing else. */
export function installProduction(folder: string): void {
  const all = lockfile();
  const workspaces = Object.keys(all).filter((place) => place.startsWith("packages/") && !place.includes("node_modules"));
  copy(
    all,
    closure(
      all,
      workspaces.map((place) => ({ folder: place, names: needsOf(all[place] ?? {}) })),
    ),
    folder,
  );
  linkWorkspaces(all, folder);
}

/** In the place of `npm ci`: links to everything that the checkout has, and to the workspaces in `folder`. */
export function installAll(folder: string): void {
  const workspaces = new Set(Object.entries(lockfile()).flatMap(([place, { link }]) => (link ? [join(ROOT, place)] : [])));
  const link = (from: string, to: string): void => {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) {
      if (workspaces.has(join(from, name)) || (name.startsWith(".") && name !== ".bin")) continue;
      if (name.startsWith("@")) link(join(from, name), join(to, name));
      else symlinkSync(join(from, name), join(to, name));
    }
  };
  link(join(ROOT, "node_modules"), join(folder, "node_modules"));
  linkWorkspaces(lockfile(), folder);
}

/** In the place of `npm install NAME@VERSION …`: these packages, which the checkout has in these versions, and what they need. */
export function installServers(folder: string, servers: readonly string[]): void {
  const all = lockfile();
  const names = servers.map((server) => {
    const [, name = "", version = ""] = /^(@?[^@]+)@(.+)$/.exec(server) ?? [];
    const manifest = JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")) as { version: string };
    if (manifest.version !== version) throw new Error(`${server} is not what is installed here: ${manifest.version}`);
    return name;
  });
  copy(all, closure(all, [{ folder: "", names }]), folder);
}
