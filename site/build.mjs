// The site of the pages: the reference of the API is made of the sources, then everything becomes HTML. Fails on a warning, and on a link that
// leads nowhere, to a page or within one.
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";

const HERE = import.meta.dirname;
const DIST = join(HERE, ".vitepress/dist");
const bin = (path) => join(HERE, "node_modules", path);

rmSync(join(HERE, "reference"), { recursive: true, force: true });
execFileSync(process.execPath, [bin("typedoc/bin/typedoc")], { cwd: HERE, stdio: "inherit" });

const building = `import("vitepress").then(({ build }) => build(${JSON.stringify(HERE)}))`;
const { status, stdout, stderr } = spawnSync(process.execPath, ["--eval", building], { cwd: HERE, encoding: "utf8", timeout: 600_000 });
process.stdout.write(stdout);
process.stderr.write(stderr);
if (status !== 0) process.exit(status ?? 1);
const warnings = `${stdout}\n${stderr}`.split("\n").filter((line) => /warn|\(!\)/i.test(line));

/** By path as a browser asks for it: the ids of the page. */
const pages = new Map();
/** Links, each with the page that has it. */
const links = [];
for (const name of readdirSync(DIST, { recursive: true })) {
  if (!name.endsWith(".html") || name === "404.html") continue;
  const page = `/${relative(DIST, join(DIST, name))
    .replaceAll("\\", "/")
    .replace(/\.html$/, "")}`.replace(/\/index$/, "/");
  const html = readFileSync(join(DIST, name), "utf8");
  pages.set(page, new Set(Array.from(html.matchAll(/ id="([^"]+)"/g), ([, id]) => id)));
  for (const [, href] of html.matchAll(/<a [^>]*?href="([^"]+)"/g))
    if (!/^[a-z]+:/.test(href)) links.push([page, href.replaceAll("&amp;", "&")]);
}
const lost = links.filter(([page, href]) => {
  const { pathname, hash } = new URL(href, `http://site${page}`);
  const ids = pages.get(decodeURI(pathname)) ?? pages.get(`${decodeURI(pathname)}/`);
  return ids === undefined || (hash !== "" && !ids.has(decodeURIComponent(hash.slice(1))));
});
for (const [page, href] of lost) process.stderr.write(`${page} links to ${href}, which is not there\n`);
for (const line of warnings) process.stderr.write(`a warning: ${line}\n`);
if (lost.length > 0 || warnings.length > 0) process.exit(1);
process.stdout.write(`${pages.size} pages, ${links.length} links; ${relative(process.cwd(), DIST) || DIST}\n`);
