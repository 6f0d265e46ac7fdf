// The servers of the zoo: how each is started and what is asked of it. Versions are those of package.json.
//
// `args` and `env` go to the process, with "{home}" for its own folder, in which FILES are. `asks` are requests that need nobody else; without
// network or credentials some of them fail, and then they fail alike. `fails` marks a server that cannot start here: a part of what it
// says on stderr about it. What differs from run to run is taken out by `settle`, whose name says what it is.

import { call, complete, prompt, read } from "./asks.mjs";
import { withoutClock, withoutFigures, withoutMoments, withoutUuids } from "./settle.mjs";

/** What every server finds in its folder. */
export const FILES = {
  "notes/first.md": "# First\n\nA note about otters.\n",
  "notes/second.md": "# Second\n\nNothing about them.\n",
  "eslint.config.mjs": 'export default [{ rules: { "no-var": "error" } }];\n',
  "code/sum.js": "export const sum = (a, b) => a + b;\nvar unused = 1;\n",
};

const official = (name) => `@modelcontextprotocol/server-${name}`;
const thought = { thought: "Otters float.", nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 };
const entities = [{ name: "otter", entityType: "animal", observations: ["floats"] }];
const graph = [
  call("create_entities", { entities }),
  call("read_graph"),
  call("search_nodes", { query: "otter" }),
  call("open_nodes", { names: ["no"] }),
];
const repository = "{home}/repository";
const query = { query: "otters" };

export const SERVERS = {
  [official("everything")]: {
    asks: [
      call("echo", { message: "hello" }),
      call("echo", {}),
      call("get-sum", { a: 2, b: 3 }),
      call("get-tiny-image"),
      call("get-annotated-message", { messageType: "error", includeImage: true }),
      call("get-structured-content", { location: "Chicago" }),
      call("get-resource-links", { count: 3 }),
      call("get-resource-reference", { resourceType: "Text", resourceId: 1 }),
      call("trigger-long-running-operation", { duration: 0.2, steps: 2 }),
      call("get-roots-list"),
      call("trigger-sampling-request", { prompt: "Say something", maxTokens: 10 }),
      call("trigger-elicitation-request"),
      read("demo://resource/static/document/features.md"),
      read("demo://resource/dynamic/blob/1"),
      read("demo://resource/none"),
      prompt("simple-prompt"),
      prompt("args-prompt", { city: "Lyon" }),
      prompt("resource-prompt", { resourceType: "Text", resourceId: "1" }),
      complete({ type: "ref/prompt", name: "completable-prompt" }, { name: "department", value: "E" }),
    ],
    settle: withoutClock,
  },
  [official("memory")]: { env: { MEMORY_FILE_PATH: "{home}/memory.jsonl" }, asks: [...graph, read("memory://knowledge-graph")] },
  [official("filesystem")]: {
    args: ["{home}"],
    asks: [
      call("list_allowed_directories"),
      call("list_directory", { path: "{home}/notes" }),
      call("directory_tree", { path: "{home}/notes" }),
      call("read_text_file", { path: "{home}/notes/first.md", head: 1 }),
      call("write_file", { path: "{home}/notes/third.md", content: "# Third\n" }),
      call("edit_file", { path: "{home}/notes/third.md", edits: [{ oldText: "Third", newText: "3" }] }),
      call("search_files", { path: "{home}", pattern: "**/*.md" }),
      call("read_text_file", { path: "/etc/passwd" }),
    ],
  },
  [official("sequential-thinking")]: { asks: [call("sequentialthinking", thought), call("sequentialthinking", { thought: 1 })] },
  [official("github")]: { asks: [call("search_repositories", { query: "otter" }), call("search_repositories", {})] },
  [official("postgres")]: { args: ["postgresql://127.0.0.1:1/none"], asks: [call("query", { sql: "SELECT 1" })] },
  [official("basic-vanillajs")]: {
    args: ["--stdio"],
    asks: [call("get-time"), read("ui://get-time/mcp-app.html")],
    settle: withoutMoments,
  },
  [official("budget-allocator")]: {
    args: ["--stdio"],
    asks: [call("get-budget-data"), read("ui://budget-allocator/mcp-app.html")],
    settle: withoutFigures,
  },
  [official("scenario-modeler")]: {
    args: ["--stdio"],
    asks: [call("get-scenario-data"), call("get-scenario-data", { customInputs: 1 }), read("ui://scenario-modeler/mcp-app.html")],
  },
  "@aashari/boilerplate-mcp-server": {
    asks: [call("ip_get_details", { ipAddress: "192.0.2.1" }), read("ip://8.8.8.8"), prompt("ip-analysis", {})],
    settle: withoutMoments,
  },
  "@allpepper/memory-bank-mcp": {
    env: { MEMORY_BANK_ROOT: "{home}" },
    asks: [
      call("list_projects"),
      call("list_project_files", { projectName: "notes" }),
      call("memory_bank_read", { projectName: "notes", fileName: "first.md" }),
      call("memory_bank_write", { projectName: "new", fileName: "a.md", content: "otters" }),
    ],
  },
  "@coo-quack/calc-mcp": {
    asks: [
      call("math", { expression: "2 ^ 10 + sqrt(16)" }),
      call("math", { expression: "2 +" }),
      call("hash", { input: "otter", algorithm: "sha256" }),
      call("base64", { input: "Fischotter ü", action: "encode" }),
      call("count", { text: "one two 👋🏽" }),
      call("regex", { pattern: "o(t+)er", text: "otter", action: "matchAll" }),
      call("color", { color: "#336699" }),
      call("random", { type: "uuid" }),
    ],
    settle: withoutUuids,
  },
  "@itseasy21/mcp-knowledge-graph": { args: ["--memory-path", "{home}/graph.jsonl"], asks: graph, settle: withoutMoments },
  "@kazuph/mcp-taskmanager": {
    env: { TASK_MANAGER_FILE_PATH: "{home}/tasks.json" },
    asks: [
      call("request_planning", { originalRequest: "Feed the otters", tasks: [{ title: "Buy fish", description: "Fresh" }] }),
      call("get_next_task", { requestId: "req-1" }),
      call("mark_task_done", { requestId: "req-1", taskId: "task-1" }),
      call("list_requests"),
    ],
  },
  "@notionhq/notion-mcp-server": {
    env: { NOTION_TOKEN: "ntn_none" },
    asks: [call("API-get-self"), call("API-get-user", { user_id: "x" })],
  },
  "@openbnb/mcp-server-airbnb": { asks: [call("airbnb_search", { location: "Lyon" })], settle: withoutMoments },
  "@upstash/context7-mcp": { asks: [call("resolve-library-id", { query: "otters", libraryName: "otter" })] },
  "@drawio/mcp": {
    asks: [call("search_shapes", { query: "cloud", limit: 3 }), call("list_pages", { path: "{home}/none.drawio" })],
  },
  "tavily-mcp": { asks: [call("tavily_search", query), call("tavily_search", {})], settle: withoutMoments },
  "mcp-hello-world": {
    asks: [
      call("echo", { message: "hello" }),
      call("add", { a: 2, b: 3 }),
      call("debug"),
      read("hello://world"),
      read("greeting://otter"),
      prompt("helpful-assistant"),
    ],
    settle: withoutMoments,
  },
  "mcp-server-code-runner": { asks: [call("run-code", { languageId: "javascript", code: "console.log(6 * 7)" })] },
  "mcp-server-commands": {
    asks: [
      call("run_command", { command: "pwd && ls notes", workdir: "{home}" }),
      call("run_command", { command: "cat", stdin: "from standard input" }),
      call("run_command", { command: "echo wrong >&2; exit 3" }),
      prompt("run_command", { command: "ls notes" }),
    ],
  },
  "mcp-sequentialthinking-tools": {
    asks: [
      call("sequentialthinking_tools", {
        available_mcp_tools: ["otter"],
        thought: "Otters float.",
        next_thought_needed: false,
        thought_number: 1,
        total_thoughts: 1,
      }),
    ],
  },
  "mcp-shrimp-task-manager": {
    env: { DATA_DIR: "{home}/shrimp", TEMPLATES_USE: "en", ENABLE_GUI: "false" },
    asks: [
      call("list_tasks", { status: "all" }),
      call("plan_task", { description: "Feed the otters with fish" }),
      call("process_thought", { thought: "Why", thought_number: 1, total_thoughts: 1, next_thought_needed: false, stage: "Analysis" }),
      call("init_project_rules"),
    ],
  },
  "time-mcp": {
    asks: [
      call("days_in_month", { date: "2024-02-01" }),
      call("get_week_year", { date: "2025-03-23" }),
      call("convert_time", { sourceTimezone: "Asia/Shanghai", targetTimezone: "Europe/London", time: "2025-03-23 12:30:00" }),
      call("current_time", { format: "YYYY-MM" }),
    ],
  },
  "mcp-ripgrep": {
    asks: [
      call("search", { pattern: "otters", path: "{home}/notes" }),
      call("list-files", { path: "{home}/notes" }),
      call("list-file-types"),
    ],
  },
  "mcp-graphql": {
    asks: [call("introspect-schema"), call("query-graphql", { query: "{ otters { name } }" }), read("http://localhost:4000/graphql")],
  },
  "mcp-git": {
    asks: [
      call("git_init", { repo_path: "{home}/notes" }),
      call("git_add", { repo_path: "{home}/notes", files: ["first.md"] }),
      call("git_status", { repo_path: "{home}/notes" }),
      call("git_commit", { repo_path: "{home}/notes", message: "First" }),
      call("git_log", { repo_path: "{home}/notes" }),
      call("git_status", { repo_path: "{home}/code" }),
    ],
  },
  "mcp-obsidian": {
    args: ["{home}/notes"],
    asks: [call("search_notes", { query: "first" }), call("read_notes", { paths: ["first.md", "none.md"] })],
  },
  "howtocook-mcp": {
    asks: [call("mcp_howtocook_getRecipesByCategory", { category: "汤" }), call("mcp_howtocook_getRecipeById", { query: "可乐鸡翅" })],
  },
  "mcp-fetch-server": { asks: [call("fetch_txt", { url: "http://127.0.0.1:1/" }), call("fetch_json", { url: "https://otters.invalid/" })] },
  "@eslint/mcp": { asks: [call("lint-files", { filePaths: ["{home}/code/sum.js"] })] },
  "@playwright/mcp": {
    args: ["--headless", "--executable-path", "{home}/no-browser"],
    asks: [call("browser_resize", { width: 300, height: 200 }), call("browser_navigate", { url: "about:blank" }), call("browser_close")],
  },
  "tailwindcss-mcp-server": {
    asks: [
      call("convert_css_to_tailwind", { css: ".a { margin: 1rem; color: red; }" }),
      call("get_tailwind_colors", { colorName: "blue" }),
      call("generate_color_palette", { baseColor: "#3B82F6", name: "otter" }),
      call("get_tailwind_utilities", { category: "no such" }),
    ],
  },
  "duckduckgo-mcp-server": { asks: [call("duckduckgo_web_search", query)] },
  "@mantine/mcp-server": { asks: [call("list_items", { limit: 2 }), call("list_items", { limit: "2" })] },
  "@f4ww4z/mcp-mysql-server": {
    asks: [call("list_tables"), call("connect_db", { host: "127.0.0.1", user: "a", password: "b", database: "c" })],
  },
  "@antv/mcp-server-chart": {
    asks: [call("generate_pie_chart", { data: [{ category: "otters", value: 1 }] }), call("generate_pie_chart", {})],
  },
  "@cyanheads/git-mcp-server": {
    asks: [
      call("git_init", { path: repository }),
      call("git_set_working_dir", { path: repository }),
      call("git_status"),
      call("git_log"),
      read("git://working-directory"),
    ],
    settle: withoutMoments,
  },
  [official("brave-search")]: { fails: "BRAVE_API_KEY environment variable is required" },
  [official("everart")]: { fails: "EVERART_API_KEY environment variable is not set" },
  [official("gitlab")]: { fails: "GITLAB_PERSONAL_ACCESS_TOKEN environment variable is not set" },
  [official("google-maps")]: { fails: "GOOGLE_MAPS_API_KEY environment variable is not set" },
  [official("slack")]: { fails: "Please set SLACK_BOT_TOKEN and SLACK_TEAM_ID environment variables" },
  // It waits for its database before it answers anything.
  [official("redis")]: { fails: "Error: connect", startTimeout: 8_000 },
  "@perplexity-ai/mcp-server": { fails: "PERPLEXITY_API_KEY environment variable is required" },
  "airtable-mcp-server": { fails: "No API key provided. Set it in the `AIRTABLE_API_KEY` environment variable" },
  "mcp-mongo-server": { fails: "Please provide a MongoDB connection URL" },
  "todoist-mcp": { fails: "Missing required configuration: API_KEY" },
};
