import { UsageError } from "../../operator/usage-error.ts";
import { type RegistryName, registryName } from "../registry/registry-name.ts";

/** Where `add` has an entry from: what the command line says of it, a registry, or a bundle. `called` is what it is to be called in the config. */
export type Source =
  | { readonly kind: "line" }
  | { readonly kind: "registry"; readonly wanted: RegistryName; readonly called: string | undefined }
  | { readonly kind: "bundle"; readonly path: string; readonly called: string | undefined };

/** Flags that are for servers which are described elsewhere. */
const DESCRIBED = ["use", "value", "yes", "registry", "package-registry", "timeout"] as const;
/** And those for what the command line says. */
const LINE = ["url", "transport"] as const;

/** What a command line of `add` means: its last word, unless there is a program or a URL. @throws UsageError for flags of another source */
export function sourceOf(
  args: Readonly<Record<string, unknown>>,
  { name, address, words }: { readonly name: string; readonly address: string | undefined; readonly words: readonly string[] | undefined },
): Source {
  const source =
    words === undefined && args.url === undefined ? named(address ?? name, address === undefined ? undefined : name) : undefined;
  const [others, remedy] = source
    ? [LINE, `${address ?? name} says itself how it is reached`]
    : [DESCRIBED, "is for a server of the registry or a bundle: `add io.github.owner/server`, or `add file.mcpb`"];
  for (const flag of others) if (args[flag] !== undefined && args[flag] !== false) throw new UsageError(`--${flag}: ${remedy}`);
  return source ?? { kind: "line" };
}

function named(word: string, called: string | undefined): Source | undefined {
  if (/\.(?:mcpb|dxt)$/i.test(word) && !word.includes("://")) return { kind: "bundle", path: word, called };
  const wanted = registryName(word);
  return wanted && { kind: "registry", wanted, called };
}
