import type { ConfigFileError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import type { LoadedPlugin } from "../../plugin/load.ts";
import { withDeadline } from "../../wire/deadline.ts";
import { type Finding, type FindingId, finding, told } from "./findings.ts";

/** Which kind of finding a problem of the config is; the first that fits. */
const KINDS: readonly (readonly [RegExp, FindingId])[] = [
  [/\bchmod\b/, "permissions"],
  [/^there is no (file|mcp-host\.config)|^there are several configs|is not a file; name a config/, "config-missing"],
  [/^the config is code that runs when it is read/, "config-untrusted"],
  [/: the (variable|secret) \S+ is not set/, "variable-missing"],
  [/no auth plugin is loaded/, "exposed"],
  [/^plugins?\b/, "plugin-broken"],
];

/** One finding for each problem that a config has. */
export function problemsOf({ path, problems }: Pick<ConfigFileError, "path" | "problems">): Finding[] {
  return problems.map((problem) => {
    const [, id] = KINDS.find(([form]) => form.test(problem)) ?? [undefined, "config-invalid" as const];
    return told(id, problem, path === undefined ? {} : { about: path });
  });
}

export function adviceOf(path: string, warnings: readonly string[]): Finding[] {
  return warnings.map((warning) =>
    warning.includes("chmod")
      ? told("permissions", warning, { about: path, level: "warning" })
      : told("config-advice", warning, { about: path }),
  );
}

const LEVELS = { ok: "plugin-state", warning: "plugin-advice", problem: "plugin-trouble" } as const;
/** Milliseconds that a plugin may look. */
const EXAMINATION = 10_000;

/** What plugins say of what they keep or need elsewhere. */
export async function examinedBy(plugins: readonly LoadedPlugin[], folder: string): Promise<Finding[]> {
  const each = plugins.map(async ({ owner: { id: about }, definition, options }) => {
    if (!definition.examine) return [];
    try {
      const late = (): never => {
        throw new Error(`the plugin did not say how things stand within ${EXAMINATION / 1_000} s`);
      };
      const found = await withDeadline(Promise.resolve(definition.examine(options, { folder })), EXAMINATION, late);
      return found.map(({ level, found, remedy }) => finding(LEVELS[level], found, { about, remedy }));
    } catch (error) {
      return [told("plugin-trouble", error instanceof Error ? error.message : String(error), { about })];
    }
  });
  return (await Promise.all(each)).flat();
}

/** What became of each plugin of a host that is prepared. */
export function pluginsOf(host: Host): Finding[] {
  return host
    .pipeline()
    .plugins.map(({ id, version, source, idle }) =>
      idle
        ? finding("plugin-idle", `version ${version} from ${source} taps nothing`, { about: id })
        : finding("plugin", `version ${version} from ${source}`, { about: id }),
    );
}
