import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { passwordsIn, secretsOfUrl } from "../../config/secrets.ts";
import { credentialsPath, Variables } from "../../config/variables.ts";
import { editConfig } from "../../config/write.ts";
import { hasSecretShape, isSecretName } from "../../redact.ts";
import { isObject, type Json } from "../../wire/message.ts";

/** Servers whose secrets have become variables, and the values of these. */
export interface Moved {
  readonly servers: Readonly<Record<string, Json>>;
  readonly values: Readonly<Record<string, string>>;
}

/** How many secrets stand in servers literally. */
export function countSecrets(servers: Readonly<Record<string, Json>>): number {
  return Object.values(servers).reduce((sum, server) => sum + places(server).length, 0);
}

/** The secrets themselves, passwords in addresses included, so that nothing prints them. */
export function secretsOf(servers: Readonly<Record<string, Json>>): string[] {
  return Object.values(servers).flatMap((server) => [
    ...places(server).map(({ secret }) => secret),
    ...passwordsIn(JSON.stringify(server)),
    ...(typeof server.url === "string" ? secretsOfUrl(server.url) : []),
  ]);
}

/** Chooses variables for secrets: one that is there already only where it has the same value. */
export class SecretNames {
  readonly values: Record<string, string> = {};
  readonly #known: Variables;

  /** @param folder where relative paths of the config begin */
  constructor(folder: string) {
    this.#known = new Variables(new Map(), process.env, folder);
  }

  /** The variable of a server's secret. @param isOwn whether the key alone may be its name: servers have headers of the same name more often than variables */
  nameFor(server: string, key: string, isOwn: boolean, secret: string): string {
    const long = identifier(`${server}_${key}`);
    const short = isOwn ? identifier(key) : long;
    for (let count = 1; ; count++) {
      const names = count === 1 ? [short, long] : [`${long}_${count}`];
      for (const name of names) {
        const value = this.values[name] ?? this.#known.find({ kind: "variable", name })?.value;
        if (value !== undefined && value !== secret) continue;
        this.values[name] = secret;
        return name;
      }
    }
  }
}

/** Puts `${VAR}` in the place of each secret, of a server's `oauth` too, which is what it is as an app. */
export function moveSecrets(servers: Readonly<Record<string, Json>>, names: SecretNames): Moved {
  const moved = Object.entries(servers).map(([name, server]) => {
    const changed = structuredClone(server);
    for (const { part, key, secret } of places(server)) {
      const values = changed[part] as Record<string, string>; // `places` has looked
      values[key] = (values[key] ?? "").replace(secret, () => `\${${names.nameFor(name, key, part === "env", secret)}}`);
    }
    return [name, changed] as const;
  });
  return { servers: Object.fromEntries(moved), values: names.values };
}

/** Adds values to the credentials file, which only its owner may read. @returns the file */
export async function keepCredentials(values: Readonly<Record<string, string>>): Promise<string> {
  const path = credentialsPath(process.env);
  // The key of a vault is kept beside it, in a folder that nobody else may use.
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  await editConfig(
    path,
    Object.entries(values).map(([name, value]) => ({ path: [name], value })),
  );
  return path;
}

interface Place {
  readonly part: "env" | "headers" | "oauth";
  readonly key: string;
  readonly secret: string;
}

/** Where secrets stand in a server's entry. What refers to a variable holds none. */
function places(server: Json): Place[] {
  return (["env", "headers", "oauth"] as const).flatMap((part) => {
    const values = server[part];
    if (!isObject(values)) return [];
    return Object.entries(values).flatMap(([key, value]) => {
      if (typeof value !== "string" || value === "" || value.includes("${")) return [];
      if (!isSecretName(key) && !hasSecretShape(value)) return [];
      const [, secret = value] = part === "headers" ? (/^\w+ (\S+)$/.exec(value) ?? []) : [];
      return [{ part, key, secret }];
    });
  });
}

function identifier(text: string): string {
  return text
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, "_")
    .replace(/^(\d)/, "_$1");
}
