import { spawn } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";

interface Manifest {
  name: string;
  version: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

export interface Registry extends AsyncDisposable {
  /** Address on loopback. */
  readonly url: string;
  /** The packages that it has. */
  readonly names: readonly string[];
}

/**
 * An npm registry on loopback that has what `folders` depend on, as it is installed here, and nothing else. So npm installs
 * for real, and nothing is downloaded.
 */
export async function serveRegistry(folders: readonly string[], optional = false): Promise<Registry> {
  const installed = dependenciesOf(folders, optional);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "").slice(1);
    const [, name, version] = /^(.+)\/-\/(.+)\.tgz$/.exec(path) ?? [];
    const folder = installed.get(name ?? "")?.get(version ?? "");
    if (folder !== undefined) {
      // npm drops the first part of each path, whatever it is called.
      const tar = spawn("tar", ["-cz", "--exclude=node_modules", "-C", dirname(folder), basename(folder)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      tar.stdout.pipe(response);
      return;
    }
    const versions = installed.get(path);
    if (!versions) {
      response.writeHead(404).end("{}"); // an optional peer, or npm fails and says what it missed
      return;
    }
    const documents = [...versions].map(([each, at]) => {
      const dist = { tarball: `http://${request.headers.host}/${path}/-/${each}.tgz` };
      return [each, { ...manifest(at), dist }] as const;
    });
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ name: path, "dist-tags": { latest: documents[0]?.[0] }, versions: Object.fromEntries(documents) }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo; // it listens on a port
  return {
    url: `http://127.0.0.1:${port}/`,
    names: [...installed.keys()],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/**
 * Folders of everything that `roots` depend on, by name and version: two may need two versions of one package.
 * @param optional whether what is optional counts, where it is installed: tools have what they are made of for each machine there
 */
export function dependenciesOf(roots: readonly string[], optional = false): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  const waiting = [...roots];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const { dependencies = {}, optionalDependencies = {} } = manifest(folder);
    for (const name of Object.keys(optional ? { ...dependencies, ...optionalDependencies } : dependencies)) {
      const at = resolved(name, folder);
      // What is for other machines is not installed here.
      if (at === undefined && name in optionalDependencies) continue;
      if (at === undefined) throw new Error(`${name}, which ${folder} depends on, is not installed`);
      const { version } = manifest(at);
      const versions = found.get(name) ?? new Map<string, string>();
      if (versions.has(version)) continue;
      found.set(name, versions.set(version, at));
      waiting.push(at);
    }
  }
  return found;
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Where Node finds a package that is imported from `folder`; undefined where it is not installed. */
function resolved(name: string, folder: string): string | undefined {
  for (let base = folder; dirname(base) !== base; base = dirname(base)) {
    const candidate = join(base, "node_modules", name);
    if (existsSync(candidate)) return realpathSync(candidate);
  }
  return undefined;
}
