import { z } from "zod";
import { isObject, type Json } from "../wire/message.ts";
import type { ConfigDesk } from "./config-desk.ts";
import { withoutSecrets } from "./config-shown.ts";
import type { HostOperation } from "./host-operation.ts";
import { RELOADED } from "./operation-results.ts";

const NONE = z.strictObject({});
const NAMED = z.strictObject({ upstream: z.string().min(1).describe("Its key in `mcpServers`.") });

const rules = {
  expect: z.string().max(64).optional().describe("The `fingerprint` of the config that the change is made to; another one is a conflict."),
  dry: z.boolean().default(false).describe("Only tell what would change, and whether the host could run on it."),
  commands: z
    .boolean()
    .default(false)
    .describe("Whether it may change what starts programs, loads code, says who may do what, or reads what is this machine's."),
};

const place = z
  .array(z.union([z.string().min(1).max(256), z.int().min(0).max(100_000)]))
  .min(1)
  .max(32);

const CHANGE = z.strictObject({
  edits: z
    .array(z.strictObject({ path: place, value: z.unknown().optional().describe("What is to stand there; without it, nothing.") }))
    .min(1)
    .max(100),
  ...rules,
});

const RESTORE = z.strictObject({ number: z.int().min(1).max(1_000).default(1).describe("Which backup; 1 is the newest."), ...rules });

const CONFIG = z.looseObject({
  path: z.string(),
  fingerprint: z.string(),
  config: z.unknown().optional().describe("As the file writes it, without secrets."),
  whyNotWritten: z.string().optional().describe("Why it cannot be changed here."),
});

const CHANGED = z.looseObject({
  changes: z.array(
    z.looseObject({ path: z.array(z.union([z.string(), z.number()])), before: z.unknown().optional(), after: z.unknown().optional() }),
  ),
  fingerprint: z.string().describe("Of the config as it is now."),
  written: z.boolean(),
  backup: z.string().optional(),
  reload: RELOADED.optional(),
});

const HISTORY = z.looseObject({ backups: z.array(z.looseObject({ number: z.number(), time: z.string() })) });

/** An edit may hold a secret, which only its place tells from harmless text. */
function toldOf({ edits, ...rest }: Readonly<Json>): Json {
  const told = (edit: unknown): unknown => {
    if (!isObject(edit) || !Array.isArray(edit.path) || edit.path.length === 0) return "[malformed]";
    return { path: edit.path, ...(edit.value !== undefined && { value: withoutSecrets(edit.value, edit.path as string[]) }) }; // what is no text in it has no name
  };
  return { ...rest, edits: Array.isArray(edits) ? edits.slice(0, 100).map(told) : "[malformed]" };
}

/** What can be done with the file that a host was started with. */
export function configOperations(desk: ConfigDesk): Readonly<Record<string, HostOperation>> {
  const switching = (on: boolean): HostOperation => ({
    description: on ? "Switches a server of the config on again." : "Switches a server off in the config; its entry stays.",
    params: NAMED,
    result: CHANGED,
    reads: false,
    run: async (params) => ({ ...(await desk.switch((params as z.output<typeof NAMED>).upstream, on)) }), // it fits
  });
  return {
    enable: switching(true),
    disable: switching(false),
    config: {
      description: "Tells what the config's file holds, without secrets.",
      params: NONE,
      result: CONFIG,
      reads: true,
      run: async () => ({ ...(await desk.look()) }),
    },
    "config-change": {
      description: "Changes places of the config's file, which is backed up before, and has the host run on it; or changes nothing.",
      params: CHANGE,
      result: CHANGED,
      reads: false,
      scope: "configure",
      told: toldOf,
      async run(params) {
        const { edits, ...asked } = params as z.output<typeof CHANGE>; // it fits
        return {
          ...(await desk.change(
            edits.map(({ path, value }) => ({ path, value })),
            asked,
          )),
        };
      },
    },
    "config-history": {
      description: "Lists the backups of the config's file, the newest first.",
      params: NONE,
      result: HISTORY,
      reads: true,
      run: async () => ({ backups: (await desk.history()).map(({ time }, index) => ({ number: index + 1, time: time.toISOString() })) }),
    },
    "config-restore": {
      description: "Puts a backup of the config's file back, and has the host run on it; what it replaces is backed up before.",
      params: RESTORE,
      result: CHANGED,
      reads: false,
      scope: "configure",
      async run(params) {
        const { number, ...asked } = params as z.output<typeof RESTORE>; // it fits
        return { ...(await desk.restore(number, asked)) };
      },
    },
  };
}
