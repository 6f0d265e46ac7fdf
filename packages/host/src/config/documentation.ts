import { fileURLToPath } from "node:url";

/** The file of a page of docs/: the package brings them, so that they are of its own version. */
export function docsPage(name: string): string {
  return fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
}

/** Not on npm before the first release (CONTRIBUTING.md): what npm would find under these names is not ours. */
const UNPUBLISHED = /^(mcp-host$|@host\/)/;

/** Whether npm has a package of ours under its name. */
export function isPublished(name: string): boolean {
  return !UNPUBLISHED.test(name);
}

/** What to do about something that a module of `folder` imports and that is not there, in words for people. */
export function installRemedy(imported: string, folder: string): string {
  const [name = imported] = /^(@[^/]+\/)?[^/]+/.exec(imported) ?? [];
  return isPublished(name) ? `run \`npm install ${name}\` in ${folder}` : `install it as ${docsPage("getting-started.md")} says`;
}
