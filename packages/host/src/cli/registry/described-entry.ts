import { describeBundle } from "../bundles/described-bundle.ts";
import { downloadBundle } from "../bundles/download.ts";
import type { Described } from "../servers/draft.ts";
import { clamped } from "./clamped.ts";
import { RegistryClient } from "./registry-client.ts";
import type { RegistryName } from "./registry-name.ts";
import type { RegistryChoice } from "./registry-options.ts";
import { type RegistryEntry, readEntry } from "./server-json.ts";
import { chosenWay, type Way } from "./ways.ts";

/** What is said of the way beside the name. */
export interface EntryChoice {
  readonly registry: RegistryChoice;
  readonly use: string | undefined;
  /** Whether a package may come from an address that is not the public registry of its kind. @throws Error that says how to allow it */
  mayComeFrom(kind: string, address: string): Promise<void>;
}

/** Looks a server up in a registry and chooses a way to use it; nothing of it is started. @throws Error in words for the operator */
export async function describeEntry(wanted: RegistryName, { registry, use, mayComeFrom }: EntryChoice): Promise<Described> {
  const client = new RegistryClient(registry);
  const entry = readEntry(await client.entry(wanted));
  if ("problem" in entry) throw new Error(`what ${client.base} says of ${wanted.name} cannot be used: ${entry.problem}`);
  const { server, status } = entry;
  if (server.name.toLowerCase() !== wanted.name.toLowerCase() || (wanted.version !== undefined && server.version !== wanted.version))
    throw new Error(`${client.base} was asked for ${wanted.name} and answers with ${clamped(`${server.name} ${server.version}`, 200)}`);
  if (status === "deleted")
    throw new Error(`${server.name} ${clamped(server.version, 50)} was deleted from ${client.base}${reason(entry)}`);
  const { way, others } = chosenWay(entry, use);
  if (way.kind !== "remote" && way.named.elsewhere !== undefined) await mayComeFrom(way.kind, way.named.elsewhere);
  const about = [
    ...(server.description === undefined ? [] : [clamped(server.description, 300)]),
    `source: ${sourceOf(way)}, by ${client.base}`,
    ...(others.length > 0 ? [`besides there is ${others.join(", ")} (--use)`] : []),
  ];
  const warnings = status === "active" ? [] : [`${server.name} is ${clamped(status, 50)}${reason(entry)}`];
  const name = (server.name.split("/")[1] ?? "").slice(0, 64); // as long as a server's name may be
  const title = `${server.name} ${clamped(server.version, 50)}`;
  if (way.kind === "mcpb") {
    await using file = await downloadBundle(way.named.word, way.sha256);
    const bundle = await describeBundle(file.path);
    return {
      ...bundle,
      ...{ title, name },
      about: [...about, ...bundle.about],
      warnings: [...warnings, ...bundle.warnings],
    };
  }
  return {
    ...{ title, name, about, questions: way.asked.questions },
    warnings: [...warnings, ...(way.kind === "remote" ? [] : way.command.warnings)],
    draft: (answers) => (way.kind === "remote" ? way.draft(answers) : way.command.draft(answers)),
    keep: async () => async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

function sourceOf(way: Way): string {
  if (way.kind === "remote") return `the address ${clamped(way.url, 300)}`;
  const { kind, named } = way;
  return `${kind} ${clamped(named.word, 300)}${named.elsewhere === undefined ? "" : ` from ${clamped(named.elsewhere, 200)}, which is NOT its public registry`}`;
}

function reason({ statusMessage }: RegistryEntry): string {
  return statusMessage === undefined || statusMessage === "" ? "" : `: ${clamped(statusMessage, 300)}`;
}
