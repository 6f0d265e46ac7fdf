import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { LoadOptions } from "../../config/load.ts";
import type { Json } from "../../wire/message.ts";
import { type Change, change, UNCHANGED } from "../clients/change.ts";
import {
  type ClientFile,
  droppedInputs,
  type EntryChange,
  readClientFile,
  valueAt,
  withChanges,
  withValue,
} from "../clients/client-file.ts";
import type { ChangeFlags, EntryFlags, Target } from "../clients/client-options.ts";
import type { ServerEntry } from "../clients/clients.ts";
import { thisMachine } from "../clients/machine.ts";
import { configPath, serverEntryOf } from "../clients/server-entry.ts";
import { advice } from "../clients/snippet.ts";
import { type Source, serversOf } from "../init/importing.ts";
import { copyBefore, forget, installationIn, keep } from "./record.ts";
import { servedBy } from "./served.ts";

/** What became of one client's file. */
export interface Outcome extends Change {
  readonly client: string;
  readonly name: string;
  readonly path: string;
}

export interface Installed extends Outcome {
  readonly advice: readonly string[];
  /** Servers that were taken out, since the host has them. */
  readonly taken?: readonly string[];
  /** Servers that stay, each with the reason. */
  readonly stays?: readonly { readonly name: string; readonly reason: string }[];
}

export interface Uninstalled extends Outcome {
  /** Servers that are back; undefined where none had been taken out. */
  readonly restored?: readonly string[];
}

/** What `--replace` does to one file. */
interface Replacement {
  readonly changes: readonly EntryChange[];
  readonly taken: readonly string[];
  readonly stays: NonNullable<Installed["stays"]>;
  /** What people have to know besides. */
  readonly told: readonly string[];
}

/** Writes the host into a client's file, and with `--replace` takes what the host serves out of it. */
export async function install(
  target: Target,
  flags: EntryFlags & ChangeFlags & { replace?: boolean | undefined },
  options: LoadOptions,
): Promise<Installed> {
  const { id, client, name, path } = target;
  const entry = await serverEntryOf(flags, options, target);
  const file = await readClientFile(client, path);
  const replacement = flags.replace ? await replacementOf(target, entry, flags, options) : undefined;
  const own: EntryChange = { at: [client.key, name], entry: client.render(entry) };
  const after = await withChanges(
    client,
    file,
    [own, ...(replacement?.changes ?? [])],
    client.beside?.(entry).inputs as Json[] | undefined,
  ); // what `beside` makes
  const isThere = after === file.text;
  const lines = isThere ? [] : [...(await advice(target, entry, options)), ...(replacement?.told ?? [])];
  const done = isThere ? UNCHANGED : await change(file, after, flags);
  if (done.written) remember(target, { file, after, backup: done.backup }, replacement?.changes ?? []);
  const { taken, stays } = replacement ?? {};
  return { client: id, name, path, ...done, ...(replacement && { taken, stays }), advice: lines };
}

async function replacementOf(target: Target, entry: ServerEntry, flags: EntryFlags, options: LoadOptions): Promise<Replacement> {
  const { id, client, name, path, scope } = target;
  const machine = thisMachine();
  const lookup = await servedBy(entry.config ?? (await configPath(flags.config)), options, machine);
  const { sources } = await serversOf(id, machine);
  const others = (source: Source): Source => ({
    ...source,
    entries: source.entries.filter(({ at }) => !isDeepStrictEqual(at, [client.key, name])),
  });
  const own = sources.filter((source) => source.path === path).map((source) => lookup(others(source)));
  const served = own.flatMap((shared) => shared.served);
  const elsewhere = scope === "user" ? sources.filter((source) => source.path !== path) : [];
  return {
    changes: served.map(({ at }) => ({ at, entry: undefined })),
    taken: served.map(({ name }) => name),
    stays: own.flatMap(({ stays }) => stays),
    told: elsewhere.flatMap((source) => {
      const names = lookup(source).served.map((each) => each.name);
      if (names.length === 0) return [];
      return `${client.title} has ${names.join(", ")} in ${source.path} as well, which others of the project may share; \`install ${id} --scope project --replace\` takes them out.`;
    }),
  };
}

/** Keeps what is needed to undo it, over several installations. */
function remember(
  { path, name }: Target,
  { file, after, backup }: { file: ClientFile; after: string; backup: string | undefined },
  changes: readonly EntryChange[],
): void {
  const earlier = installationIn(path, name);
  const taken = changes.map(({ at }) => ({ at, entry: valueAt(file.value, at) }));
  const rest = taken.reduce<Json>((value, { at }) => withValue(value, at, undefined), file.value);
  const before = earlier ? copyBefore(earlier, file.text) : backup;
  const entries = [...(earlier?.entries ?? []).filter(({ at }) => !taken.some((each) => isDeepStrictEqual(each.at, at))), ...taken];
  keep({ path, name, before, entries, inputs: [...(earlier?.inputs ?? []), ...droppedInputs(file, rest)] }, after);
}

/** Takes the host out of a client's file again, and puts back what it had taken out: to the letter where nobody has changed the file since. */
export async function uninstall({ id, client, name, path }: Target, flags: ChangeFlags): Promise<Uninstalled> {
  const file = await readClientFile(client, path);
  const record = installationIn(path, name);
  const at = [client.key, name];
  const isThere = valueAt(file.value, at) !== undefined;
  if (!isThere && !record) return { client: id, name, path, ...UNCHANGED };
  const back = (record?.entries ?? []).filter((each) => valueAt(file.value, each.at) === undefined);
  const copy = record && copyBefore(record, file.text);
  const after =
    copy === undefined ? await withChanges(client, file, [{ at, entry: undefined }, ...back], record?.inputs) : readFileSync(copy, "utf8");
  const isDone = after === file.text;
  const done = isDone ? UNCHANGED : await change(file, after, flags);
  if (record && (isDone || done.written) && flags["dry-run"] !== true) forget(record);
  return { client: id, name, path, ...done, ...(back.length > 0 && { restored: back.map((each) => each.at.at(-1) ?? "") }) };
}
