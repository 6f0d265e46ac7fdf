import { dirname } from "node:path";
import { checkServer, editServer, type ServersInFile, serversIn } from "../../config/servers.ts";
import { registerSecret } from "../../redact.ts";
import { loadOptions } from "../command-line/load-options.ts";
import { countSecrets, keepCredentials, moveSecrets, SecretNames, secretsOf } from "../init/secrets.ts";
import type { ServerEntry } from "./entry.ts";

/** What there is to know of a server that was added, a line each, and where the file before is kept. */
export interface Added {
  readonly backup: string | undefined;
  readonly notes: readonly string[];
}

/** @throws Error where the config has a server of that name @throws ConfigError where the file cannot be written back */
export async function checkFree(path: string, name: string, remedy?: string): Promise<ServersInFile> {
  const file = await serversIn(path, remedy);
  if (Object.hasOwn(file.servers, name))
    throw new Error(`server "${name}" is in ${path} already; choose another name, or run \`mcp-host remove ${name}\` first`);
  return file;
}

/**
 * Writes a server into a config, once it is known that it can be there.
 * @param move puts its secrets into the credentials file
 * @param names variables that the entry refers to, whose values go there in any case
 */
export async function addServer(
  path: string,
  name: string,
  entry: ServerEntry,
  move: boolean,
  names = new SecretNames(dirname(path)),
): Promise<Added> {
  const given = { [name]: { ...entry } };
  for (const secret of secretsOf(given)) registerSecret(secret); // whatever is told now
  const file = await checkFree(path, name, `put this into its mcpServers: ${JSON.stringify(name)}: ${JSON.stringify(entry)}`);
  const { warnings, unset } = await checkServer(file, name, entry, (await loadOptions([], false)).variableSources, {
    ...process.env,
    ...names.values,
  });
  const { servers, values } = move ? moveSecrets(given, names) : { servers: given, values: names.values };
  // Whoever reads the config finds them there.
  const told = Object.keys(values).length > 0 ? [`in ${await keepCredentials(values)} now: ${Object.keys(values).join(", ")}`] : [];
  const { backup } = await editServer(file, name, [{ path: [], value: servers[name] }]);
  const literal = countSecrets(servers);
  const left = `${literal === 1 ? "a secret stands" : `${literal} secrets stand`} in ${path} as given; --credentials puts such into the credentials file`;
  return {
    backup,
    notes: [
      ...told,
      ...(literal > 0 ? [left] : []),
      ...unset.map((problem) => `${problem}; until then the server is unconfigured`),
      ...warnings,
    ],
  };
}
