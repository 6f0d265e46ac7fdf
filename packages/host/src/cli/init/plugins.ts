import { loadPlugins } from "../../plugin/load.ts";
import { isObject, type Json } from "../../wire/message.ts";
import { typedCommand } from "../command-line/typed-command.ts";

const NAMESPACE = "@host/plugin-namespace";
const OAUTH = "@host/plugin-oauth";
const VAULT = "@host/plugin-vault";
/** Which names clash is known only when servers have been asked; where none do, this plugin changes nothing. */
const APART = `Where servers have a tool or prompt of the same name, each gets its server's name before it (${NAMESPACE}); other names stay as they are.`;
const TOGETHER = `Where servers have a tool or prompt of the same name, only one of them is offered; ${NAMESPACE} keeps them apart, and it is not installed here.`;

/** What a first config has of plugins, and what there is to say of it. */
export interface FirstPlugins {
  /** The config's `plugins`. */
  readonly plugins: readonly (string | readonly [string, Json])[];
  readonly notes: readonly string[];
  /** Whether `login` is there for servers that want a sign-in. */
  readonly signsIn: boolean;
}

/**
 * The plugins that servers as these need, as far as they are installed: one that keeps names apart where there are several, and those that sign in
 * and keep the tokens where one is remote and comes without a key. Which want a sign-in, they say when they are asked; where none does, these
 * plugins change nothing.
 * @param apps what clients know of servers as apps that were registered there, by name, as options of the plugin
 * @param naming how names are kept apart, as options of the plugin that does; without it only those that clash are
 */
export async function firstPlugins(
  servers: Readonly<Record<string, Json>>,
  apps: Readonly<Record<string, Json>>,
  folder: string,
  naming?: Json,
): Promise<FirstPlugins> {
  const clashes = naming !== undefined || Object.keys(servers).length > 1;
  const open = Object.entries(servers).flatMap(([name, server]) => (mayWantSignIn(server) ? [name] : []));
  const apart = clashes && (await isInstalled(NAMESPACE, folder));
  const signsIn = open.length > 0 && (await isInstalled(OAUTH, folder));
  const keeps = signsIn && (await isInstalled(VAULT, folder));
  const known = Object.fromEntries(Object.entries(apps).filter(([name]) => open.includes(name)));
  return {
    plugins: [
      ...(apart ? [[NAMESPACE, naming ?? { strategy: "conflict" }] as const] : []),
      ...(keeps ? [VAULT] : []),
      ...(!signsIn ? [] : Object.keys(known).length > 0 ? [[OAUTH, { servers: known }] as const] : [OAUTH]),
    ],
    notes: [
      ...(clashes && !(naming && apart) ? [apart ? APART : TOGETHER] : []),
      ...(open.length > 0 ? [signInNote(open, signsIn, keeps)] : []),
    ],
    signsIn,
  };
}

/** Whether a config of this folder could have a plugin. */
export function isInstalled(plugin: string, folder: string): Promise<boolean> {
  return loadPlugins([plugin], folder).then(
    () => true,
    () => false,
  );
}

/** Whether a server is one over HTTP for which nobody has set a credential. */
function mayWantSignIn({ url, headers }: Json): boolean {
  if (typeof url !== "string" || !/^https?:/.test(url)) return false;
  return !(isObject(headers) && Object.keys(headers).some((name) => name.toLowerCase() === "authorization"));
}

function signInNote(names: readonly string[], signsIn: boolean, keeps: boolean): string {
  const who = `${names.join(", ")} may want a sign-in`;
  if (!signsIn) return `${who}; ${OAUTH} does that, ${VAULT} keeps it, and the first is not installed here.`;
  if (!keeps)
    return `${who}: \`${typedCommand()} login --all\` while the host runs (${OAUTH}). It ends with the host: ${VAULT} would keep it, and is not installed here.`;
  return `${who}: \`${typedCommand()} login --all\` goes through those that do (${OAUTH}); tokens are kept encrypted (${VAULT}).`;
}
