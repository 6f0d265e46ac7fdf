import { isOff } from "../../config/foreign.ts";
import { isObject, type Json } from "../../wire/message.ts";
import { firstPlugins, isInstalled } from "../init/plugins.ts";
import type { Choice, Described, Draft, Group } from "./draft.ts";
import { exactly } from "./server.ts";

const NAMESPACE = "@host/plugin-namespace";
const PROFILES = "@host/plugin-profiles";
const TRANSFORM = "@host/plugin-transform";
const VAULT = "@host/plugin-vault";
const OAUTH = "@host/plugin-oauth";

/** An endpoint's name. */
const ENDPOINT = /^[\w.~-]{1,64}$/;
/** The longest name that `@host/plugin-namespace` makes: other gateways cut none. */
const LONGEST_NAME = 128;

export type PluginEntry = string | readonly [string, Json];

/** The plugins that do here what the other gateway does itself. What would need one that is not installed is told of. */
export async function pluginsFor(draft: Draft): Promise<{ readonly plugins: readonly PluginEntry[]; readonly notes: readonly string[] }> {
  const { servers, apps, folder, separator, report } = draft;
  const names = { separator: separatorFor(draft), maxLength: LONGEST_NAME };
  const first = await firstPlugins(servers, apps, folder, Object.keys(servers).length > 0 ? names : undefined);
  const plugins: PluginEntry[] = [...first.plugins];
  if (plugins.some(([name]) => name === NAMESPACE))
    report.changed(
      ["mcpServers"],
      `have their tools offered as <server>${names.separator}<tool>, as there${separator === names.separator ? "" : `, but for the "${separator}"`}`,
    );
  for (const name of Object.keys(apps)) {
    const at = ["mcpServers", name, "oauth"];
    if (!first.signsIn && !hasKey(servers[name]))
      report.left(at, `needs ${OAUTH}, which is not installed here`, "Install it, and write its options anew.");
    else if (hasKey(servers[name])) report.left(at, "is not needed, since the server has an Authorization header");
  }
  await addVault(draft, plugins);
  await addProfiles(draft, plugins);
  await addDescriptions(draft, plugins);
  return { plugins, notes: first.notes };
}

function hasKey(server: Json | undefined): boolean {
  return isObject(server?.headers) && Object.keys(server.headers).some((name) => name.toLowerCase() === "authorization");
}

function separatorFor({ separator, report }: Draft): string {
  if (/^[A-Za-z0-9_.-]{1,8}$/.test(separator)) return separator;
  report.left(["systemConfig", "nameSeparator"], "is not 1 to 8 of A-Z a-z 0-9 _ . -", "Names have __ in its place.");
  return "__";
}

async function addVault({ commands, secrets, folder, report }: Draft, plugins: PluginEntry[]): Promise<void> {
  if (commands.size === 0 && secrets.size === 0) return;
  const options = commands.size > 0 ? { commands: [...commands] } : undefined;
  if (!(await isInstalled(VAULT, folder))) {
    report.left(["mcpServers"], `have values that ${VAULT} brings, which is not installed here`, "Install it, and add it to `plugins`.");
    return;
  }
  const at = plugins.indexOf(VAULT);
  plugins.splice(at === -1 ? 0 : at, at === -1 ? 0 : 1, options ? [VAULT, options] : VAULT);
  for (const name of secrets)
    report.changed(
      ["mcpServers"],
      `take the secret "${name}" from ${VAULT}, and no longer from a keyring`,
      `Put it there: \`mcp-host secret set ${name}\`.`,
    );
}

async function addProfiles({ groups, folder, report }: Draft, plugins: PluginEntry[]): Promise<void> {
  if (groups.length === 0) return;
  if (!(await isInstalled(PROFILES, folder))) {
    for (const { at } of groups) report.left(at, `needs ${PROFILES}, which is not installed here`, "Install it, and write a profile.");
    return;
  }
  const profiles: Record<string, Json> = {};
  for (const group of groups) {
    const name = free(group.name.replace(/[^\w.~-]+/g, "-").slice(0, 60), profiles);
    if (!ENDPOINT.test(name) || /^\.+$/.test(name)) {
      report.left(group.at, `"${group.name}" cannot be the name of an endpoint`, `Write a profile of ${PROFILES} with another name.`);
      continue;
    }
    profiles[name] = profileOf(group);
    report.changed(group.at, `"${group.name}" is the profile ${name}, which clients reach at /mcp/p/${name}`);
  }
  if (Object.keys(profiles).length > 0) plugins.push([PROFILES, { profiles }]);
}

function free(wanted: string, taken: Readonly<Record<string, Json>>): string {
  const name = wanted === "__proto__" ? "proto" : wanted; // nothing can have that name
  let free = name;
  for (let count = 2; Object.hasOwn(taken, free); count++) free = `${name}-${count}`;
  return free;
}

function profileOf({ choices, description }: Group): Json {
  const chooses = choices.some(({ tools, prompts, resources }) => tools ?? prompts ?? resources);
  const of = (kind: "tools" | "prompts" | "resources"): string[] =>
    choices.flatMap((choice: Choice) => {
      const chosen = choice[kind];
      return chosen === undefined ? [`${choice.server}:*`] : exactly(chosen).map((name) => `${choice.server}:${name}`);
    });
  return {
    ...(description !== undefined && description !== "" && { description }),
    servers: choices.map(({ server }) => server),
    // As soon as one kind is said, the others are nothing unless they are said, too.
    ...(chooses && { tools: of("tools"), prompts: of("prompts"), resources: of("resources") }),
  };
}

async function addDescriptions({ described, folder, report, servers }: Draft, plugins: PluginEntry[]): Promise<void> {
  const there = described.filter(({ server }) => Object.hasOwn(servers, server) && !isOff(servers[server]));
  for (const { at, server } of described)
    if (Object.hasOwn(servers, server) && isOff(servers[server])) report.left(at, "is of a server that is switched off");
  if (there.length === 0) return;
  if (!(await isInstalled(TRANSFORM, folder))) {
    for (const { at } of there)
      report.left(at, `needs ${TRANSFORM}, which is not installed here`, "Install it, and write a rule with `description`.");
    return;
  }
  const rule = ({ server, kind, native, description }: Described): Json => ({
    match: exactly([native]).map((name) => `${server}:${name}`),
    kind,
    description: literal(description),
  });
  for (const { at } of there) report.changed(at, `is a rule of ${TRANSFORM}`);
  plugins.push([TRANSFORM, { rules: there.map(rule) }]);
}

/** Texts of plugins' options may have references, and a description has none. */
function literal(text: string): string {
  return text.replaceAll("${", () => "$${");
}
