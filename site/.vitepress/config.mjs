import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { defineConfig } from "vitepress";

const ROOT = resolve(import.meta.dirname, "../..");

/** What is on the site, from the root of the repository. */
const PAGES = ["docs", "examples", "packages", "deploy", "site/reference"];

const titleOf = (file) => /^# (.+)$/m.exec(readFileSync(join(ROOT, file), "utf8"))?.[1].replaceAll("`", "") ?? file;
const item = (file, text = titleOf(file)) => ({ text, link: `/${file.replace(/\.md$/, "")}` });
const folder = (path) =>
  readdirSync(join(ROOT, path))
    .filter((name) => name.endsWith(".md"))
    .map((name) => item(`${path}/${name}`));
const readmes = (path) =>
  readdirSync(join(ROOT, path))
    .map((name) => `${path}/${name}/README.md`)
    .filter((file) => existsSync(join(ROOT, file)))
    .map((file) => item(file));
const docs = (...names) => names.map((name) => item(`docs/${name}.md`));
/** In the order in which a reader needs them; what is in none of these comes under the last heading, so that no page is forgotten. */
const START = ["getting-started", "config", "cli", "troubleshooting"];
const OPERATE = ["operations", "deployment", "security", "migrating", "performance"];
const EXTEND = ["writing-a-plugin", "plugins", "testing-plugins", "pipeline", "embedding"];
const known = new Set([...START, ...OPERATE, ...EXTEND].map((name) => `/docs/${name}`));

/** In the order of the way of a request, as their list has them. */
const HOOK_PAGES = [
  "README",
  ...Array.from(readFileSync(join(ROOT, "docs/hooks/README.md"), "utf8").matchAll(/^\| \[`(\w+)`\]/gm), ([, name]) => name),
];

/** The id of a heading, as GitHub makes it: the links of the pages lead there, too. */
const slugify = (text) =>
  text
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");

/** Marks of what is generated are no text of a page; other tags are text, since no page has HTML of its own. */
function withoutMarks(markdown) {
  markdown.core.ruler.before("normalize", "without-marks", (state) => {
    state.src = state.src.replace(/^<!--.*-->$/gm, "");
  });
}

/** Links that lead to no page, such as those to a folder, are text. */
function onlyPages(markdown) {
  markdown.core.ruler.push("only-pages", ({ tokens, env }) => {
    for (const { children } of tokens) {
      let isGone = false;
      for (const token of children ?? []) {
        if (token.type === "link_open") {
          const href = token.attrGet("href") ?? "";
          isGone = !/^(?:[a-z]+:|#)/.test(href) && !isPage(href, env.path);
          if (isGone) token.hidden = true;
        } else if (token.type === "link_close" && isGone) {
          token.hidden = true;
          isGone = false;
        }
        if (token.hidden) Object.assign(token, { type: "text", tag: "", content: "", attrs: null, nesting: 0 });
      }
    }
  });
}

function isPage(href, from) {
  const [path] = href.split("#");
  if (path === "") return true;
  const file = relative(ROOT, path.startsWith("/") ? join(ROOT, path) : resolve(dirname(from), path));
  return (
    ["README.md", "CONTRIBUTING.md"].includes(file) ||
    (file.endsWith(".md") && PAGES.some((each) => file.startsWith(`${each}/`)) && existsSync(join(ROOT, file)))
  );
}

export default defineConfig({
  title: "mcp-host",
  description: "A plugin-based MCP host: any number of MCP servers behind one endpoint, with a hook at every stage of the pipeline",
  srcDir: ROOT,
  srcExclude: [
    ...["**/node_modules/**", "**/CHANGELOG.md", "**/dist/**", "coverage/**", "test/**", "bench/**", ".changeset/**"],
    ...["site/*.md", "AGENTS.md"],
  ],
  rewrites: { "README.md": "index.md" },
  outDir: join(import.meta.dirname, "dist"),
  cacheDir: join(import.meta.dirname, "cache"),
  cleanUrls: true,
  lastUpdated: false,
  markdown: {
    html: false,
    anchor: { slugify },
    config(markdown) {
      withoutMarks(markdown);
      onlyPages(markdown);
    },
  },
  vite: { publicDir: false, build: { chunkSizeWarningLimit: 2_000 } },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      item("docs/getting-started.md", "Start"),
      item("docs/plugins.md", "Write a plugin"),
      { text: "Reference", link: "/site/reference/README" },
    ],
    sidebar: [
      { text: "Start", items: docs(...START) },
      { text: "Guides", items: folder("docs/guides") },
      { text: "Operate", items: [...docs(...OPERATE), { text: "Runbooks", collapsed: true, items: folder("docs/runbooks") }] },
      {
        text: "Extend",
        items: [...docs(...EXTEND), { text: "Hooks", collapsed: true, items: HOOK_PAGES.map((name) => item(`docs/hooks/${name}.md`)) }],
      },
      { text: "Plugins", items: readmes("packages") },
      { text: "Deployment", collapsed: true, items: [item("deploy/README.md"), ...readmes("deploy")] },
      { text: "Examples", collapsed: true, items: readmes("examples") },
      { text: "How it works", items: [...folder("docs").filter(({ link }) => !known.has(link)), item("CONTRIBUTING.md")] },
    ],
  },
});
