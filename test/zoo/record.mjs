// Records answers of real servers, whole and as they came, for the table of what @host/plugin-compact saves:
// packages/plugin-compact/test/answers.jsonl. Anew: node test/zoo/record.mjs

import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { installLocked } from "../harness/locked.mjs";
import { call } from "./asks.mjs";

installLocked(import.meta.dirname);
// What needs the installed packages is imported once they are there.
const { prepare, evict } = await import("./place.mjs");
const { SERVERS } = await import("./servers.mjs");
const { direct } = await import("./ways.mjs");

const OUT = join(import.meta.dirname, "../../packages/plugin-compact/test/answers.jsonl");
const MODULES = join(import.meta.dirname, "node_modules");
/** What stands in the answers for the folder that a server ran in. */
const HOME = "/home/zoo";

const official = (name) => `@modelcontextprotocol/server-${name}`;
const animals = ["otter", "badger", "marten", "weasel", "stoat", "ferret", "mink", "polecat", "wolverine", "fisher", "sable", "tayra"];
const entities = animals.map((name, at) => ({
  name,
  entityType: "animal",
  observations: [`is the ${at + 1}. of the mustelids that are listed here`, at % 2 ? "lives in woods" : "lives by water"],
}));
const relations = animals.slice(1).map((name, at) => ({ from: name, to: animals[at], relationType: "is a cousin of" }));
const graph = [
  call("create_entities", { entities }),
  call("create_relations", { relations }),
  call("read_graph"),
  call("search_nodes", { query: "water" }),
];
const tasks = animals.map((name) => ({ title: `Feed the ${name}`, description: `Buy what a ${name} eats, and bring it before noon` }));
const sources = Array.from({ length: 6 }, (_, at) => `{home}/code/file-${at}.js`);
const flawed = (at) => `var first${at} = 1;\nvar second${at} = 2;\nexport const sum = (a, b) => a + b;\nvar third = first${at};\n`;
const commits = animals.flatMap((name) => [
  call("git_add", { path: "{home}/repository", update: false, files: [`${name}.md`] }),
  call("git_commit", { path: "{home}/repository", message: `Add a note about the ${name}`, allowEmpty: true }),
]);

/** What is asked of each; those whose answers are kept are named by tool in `keep`. */
const VISITS = {
  [official("memory")]: { asks: graph, keep: ["create_entities", "create_relations", "read_graph", "search_nodes"] },
  [official("filesystem")]: {
    asks: [
      call("list_directory", { path: "{home}/library/src" }),
      call("list_directory_with_sizes", { path: "{home}/library/src" }),
      call("directory_tree", { path: "{home}/library" }),
      call("search_files", { path: "{home}", pattern: "**/*.d.ts" }),
      call("read_text_file", { path: "{home}/library/package.json" }),
      call("read_text_file", { path: "{home}/library/README.md" }),
      call("read_multiple_files", { paths: ["{home}/library/package.json", "{home}/notes/first.md"] }),
    ],
  },
  [official("everything")]: { asks: [call("get-structured-content", { location: "Chicago" }), call("get-resource-links", { count: 10 })] },
  [official("budget-allocator")]: { asks: [call("get-budget-data")] },
  [official("scenario-modeler")]: { asks: [call("get-scenario-data")] },
  "@itseasy21/mcp-knowledge-graph": { asks: graph, keep: ["read_graph"] },
  "@kazuph/mcp-taskmanager": {
    asks: [
      call("request_planning", { originalRequest: "Feed them all", tasks }),
      call("list_requests"),
      call("get_next_task", { requestId: "req-1" }),
    ],
  },
  "@drawio/mcp": { asks: [call("search_shapes", { query: "cloud", limit: 20 })] },
  "howtocook-mcp": {
    asks: [
      call("mcp_howtocook_getAllRecipes"),
      call("mcp_howtocook_getRecipesByCategory", { category: "汤" }),
      call("mcp_howtocook_getRecipeById", { query: "可乐鸡翅" }),
    ],
  },
  "@eslint/mcp": { asks: [call("lint-files", { filePaths: sources })] },
  "tailwindcss-mcp-server": {
    asks: [
      call("get_tailwind_colors", {}),
      call("get_tailwind_utilities", { category: "spacing" }),
      call("get_tailwind_utilities", {}),
      call("generate_color_palette", { baseColor: "#3B82F6", name: "otter" }),
    ],
  },
  "@mantine/mcp-server": { asks: [call("list_items", { limit: 50 })] },
  "@cyanheads/git-mcp-server": {
    asks: [
      call("git_init", { path: "{home}/repository" }),
      call("git_set_working_dir", { path: "{home}/repository" }),
      ...commits,
      call("git_log", { path: "{home}/repository" }),
      call("git_status", { path: "{home}/repository" }),
    ],
    keep: ["git_log", "git_status"],
  },
  "mcp-ripgrep": {
    asks: [
      call("search", { pattern: "export", path: "{home}/library/src" }),
      call("list-files", { path: "{home}/library" }),
      call("list-file-types"),
    ],
  },
  "@coo-quack/calc-mcp": {
    asks: [
      call("regex", { pattern: "[a-z]+", flags: "g", text: animals.join(" "), action: "matchAll" }),
      call("count", { text: animals.join(" ") }),
      call("color", { color: "#336699" }),
    ],
  },
  "mcp-shrimp-task-manager": { asks: [call("plan_task", { description: "Feed the otters with fish" })] },
  "@allpepper/memory-bank-mcp": { asks: [call("list_projects"), call("list_project_files", { projectName: "library" })] },
  "mcp-obsidian": { asks: [call("search_notes", { query: "md" }), call("read_notes", { paths: ["first.md", "second.md"] })] },
  "time-mcp": { asks: [call("get_week_year", { date: "2025-03-23" })] },
};

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mcp-host-record-")));
const recorded = [];
try {
  for (const [server, { asks, keep }] of Object.entries(VISITS)) {
    const home = join(folder, "home");
    const { child, asks: here } = prepare(server, { ...SERVERS[server], asks }, home);
    cpSync(join(MODULES, "zod/src/v4/core"), join(home, "library/src"), { recursive: true, filter: (path) => !path.includes("tests") });
    for (const name of ["package.json", "README.md"]) cpSync(join(MODULES, "zod", name), join(home, "library", name));
    for (const [at] of sources.entries()) writeFile(join(home, `code/file-${at}.js`), flawed(at));
    for (const name of animals) writeFile(join(home, "repository", `${name}.md`), `# ${name}\n`);
    const { account, failed } = await direct(child, here);
    if (!account) throw new Error(`${server} did not start: ${failed}`);
    evict(home);
    account.answers.forEach(({ result, error }, at) => {
      const tool = asks[at].params.name;
      if (keep && !keep.includes(tool)) return;
      console.error(
        `${server} ${tool}: ${error ? error.message : `${JSON.stringify(result).length}${result.isError ? " (isError)" : ""}`}`,
      );
      if (!result || result.isError) return;
      const { outputSchema } = account.lists.tools.entries.find((each) => each.name === tool) ?? {};
      const told = JSON.parse(JSON.stringify(result).replaceAll(home, HOME));
      recorded.push({ server, tool, ...(outputSchema && { outputSchema }), result: told });
    });
  }
} finally {
  evict(folder);
  rmSync(folder, { recursive: true, force: true });
}
mkdirSync(dirname(OUT), { recursive: true });
writeFileSync(OUT, recorded.map((each) => `${JSON.stringify(each)}\n`).join(""));
console.error(`${recorded.length} answers are in ${OUT}`);

function writeFile(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
