// The real servers that are searched: those of the zoo that list their tools, with keys that open nothing for those that only look whether there is one.

import { SERVERS } from "../zoo/servers.mjs";

const NONE = "none";

/** What lets a server start that the zoo has without its key. */
const KEYS = {
  "@modelcontextprotocol/server-brave-search": { BRAVE_API_KEY: NONE },
  "@modelcontextprotocol/server-everart": { EVERART_API_KEY: NONE },
  "@modelcontextprotocol/server-gitlab": { GITLAB_PERSONAL_ACCESS_TOKEN: NONE },
  "@modelcontextprotocol/server-google-maps": { GOOGLE_MAPS_API_KEY: NONE },
  "@modelcontextprotocol/server-slack": { SLACK_BOT_TOKEN: NONE, SLACK_TEAM_ID: NONE },
  "@perplexity-ai/mcp-server": { PERPLEXITY_API_KEY: NONE },
  "airtable-mcp-server": { AIRTABLE_API_KEY: NONE },
  "todoist-mcp": { API_KEY: NONE },
};

/** The key of a server in a config: what its package is called without what all of them are, or its scope. */
function keyOf(server) {
  const [, scope = "", name = ""] = /^(?:@([^/]+)\/)?(.+)$/.exec(server) ?? [];
  const plain = name
    .split("-")
    .filter((word) => word !== "mcp" && word !== "server")
    .join("-");
  return plain || scope;
}

/** Two packages would have this key: the second has its scope, too. */
const TAKEN = { "@cyanheads/git-mcp-server": "cyanheads-git" };

/** By key: the package, and how it starts, as `prepare` of the zoo wants it. */
export const SEARCHED = Object.fromEntries(
  Object.entries(SERVERS)
    .filter(([server, { fails }]) => fails === undefined || server in KEYS)
    .map(([server, { args, env }]) => [
      TAKEN[server] ?? keyOf(server),
      { server, ...(args && { args }), env: { ...env, ...KEYS[server] } },
    ]),
);
