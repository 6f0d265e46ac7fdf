import { basename } from "node:path";
import { size } from "../../config/units.ts";
import type { Draft } from "./draft.ts";
import type { Part } from "./part.ts";

const WHOSE = "MCPHub";
const PYTHON = new Set(["uv", "uvx", "python", "python3", "pip"]);
const NODE = new Set(["npm", "npx", "pnpm", "yarn", "node"]);

/** What MCPHub's `systemConfig` says beside the servers. @param auth what does here what its keys do */
export function hubSettings(system: Part, draft: Draft, auth: string): void {
  const routing = system.part("routing");
  if (routing) routed(routing, draft, auth);
  const install = system.part("install");
  if (install) installed(install, draft);
  system.leave("smartRouting", "finds tools by meaning, which a host does not", "@host/plugin-profiles makes lists shorter.");
  system.leave("toolResultCompression", "shortens results", "`truncate` of @host/plugin-transform does that by rules.");
  system.leave("mcpRouter", "is an account of MCPRouter, where MCPHub finds servers");
  for (const key of ["oauth", "oauthServer", "auth"]) system.leave(key, "is about how people and clients sign in with the gateway", auth);
  system.leave("enableSessionRebuild", "is not needed: a client whose session is gone is told so, and begins another");
  system.pass(["discovery", "activityLog"], "belongs to the web pages of MCPHub, which a host does not have");
  system.rest(WHOSE);
}

function routed(routing: Part, draft: Draft, auth: string): void {
  const { report } = routing;
  if (routing.get("enableGlobalRoute", "flag") === false)
    report.left(
      routing.at("enableGlobalRoute"),
      "closes the address that has everything, and here /mcp has it",
      "`default` of @host/plugin-profiles says what /mcp has.",
    );
  routing.pass(["enableGroupNameRoute"], "is so here: groups are reached by name");
  if (routing.get("enableBearerAuth", "flag") === true) {
    draft.guarded = true;
    report.left(routing.at("enableBearerAuth"), "asks clients for a key, and the new config does not", auth);
  }
  routing.pass(["bearerAuthKey"], "is a key of before, which a host does not take on");
  routing.pass(["bearerAuthHeaderName"], "is always Authorization here");
  routing.pass(["skipAuth"], "belongs to the web pages of MCPHub, which a host does not have");
  const limit = routing.get("jsonBodyLimit", "text");
  if (limit !== undefined && size.safeParse(limit).success) {
    report.carried(routing.at("jsonBodyLimit"), "limits.requestBytes");
    draft.limits.requestBytes = limit;
  } else routing.leave("jsonBodyLimit", "is no size that is known here");
  routing.rest(WHOSE);
}

/** Where packages come from is said to the programs that fetch them. */
function installed(install: Part, draft: Draft): void {
  const say = (key: string, variable: string, programs: ReadonlySet<string>): void => {
    const value = install.get(key, "text");
    if (value === undefined || value === "") return;
    const given = draft.give({ [variable]: value }, ({ command }) => programs.has(basename(String(command))));
    const where = given.length > 0 ? `of ${given.join(", ")}` : "of no server, since none needs it";
    install.report.changed(install.at(key), `is ${variable} in the env ${where}`);
  };
  say("pythonIndexUrl", "UV_DEFAULT_INDEX", PYTHON);
  say("npmRegistry", "npm_config_registry", NODE);
  install.pass(["baseUrl"], "belongs to the web pages of MCPHub, which a host does not have");
  install.rest(WHOSE);
}
